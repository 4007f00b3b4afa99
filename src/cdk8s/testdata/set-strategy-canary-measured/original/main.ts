import { App, YamlOutputType } from 'cdk8s';
import { OtherChart } from './charts/other';
import { WebChart } from './charts/web';

const app = new App({ yamlOutputType: YamlOutputType.FOLDER_PER_CHART_FILE_PER_RESOURCE });

new OtherChart(app, 'other');
new WebChart(app, 'web', { namespace: 'production' });

app.synth();
