import { App, YamlOutputType } from 'cdk8s';
import { OtherChart, WebChart } from './charts/other';

const app = new App({ yamlOutputType: YamlOutputType.FOLDER_PER_CHART_FILE_PER_RESOURCE });

new OtherChart(app, 'other');
// Served to everyone.
new WebChart(app, 'web', { namespace: 'production' });

app.synth();
