export const IMAGES = {
  jobs: 'jobs:1', // follows the schema version
  web: 'web:1',
};
