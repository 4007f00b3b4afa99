import { App, YamlOutputType } from 'cdk8s';
import { CacheChart } from './charts/cache';

const app = new App({ yamlOutputType: YamlOutputType.FOLDER_PER_CHART_FILE_PER_RESOURCE });

new CacheChart(app, 'cache');

app.synth();
