export const IMAGES = {
  jobs: 'jobs:1',
  web: 'unused:1',
};
