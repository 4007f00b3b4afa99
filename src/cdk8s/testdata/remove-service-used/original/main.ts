import { App, YamlOutputType } from 'cdk8s';
import { OtherChart } from './charts/other';
import { WebChart } from './charts/web';

const app = new App({ yamlOutputType: YamlOutputType.FOLDER_PER_CHART_FILE_PER_RESOURCE });

new OtherChart(app, 'other');
const web = new WebChart(app, 'web');
web.addDependency(app.charts[0]);

app.synth();
