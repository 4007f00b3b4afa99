export const IMAGES = {
  jobs: 'jobs:2', // follows the schema version
  web: 'web:1',
};
