import { App, YamlOutputType } from 'cdk8s';

const app = new App({ yamlOutputType: YamlOutputType.FOLDER_PER_CHART_FILE_PER_RESOURCE });

app.synth();
