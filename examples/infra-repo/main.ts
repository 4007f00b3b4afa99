import { App, YamlOutputType } from 'cdk8s';
import { ApiChart } from './charts/api.ts';
import { MailerChart } from './charts/mailer.ts';
import { PostgresChart } from './charts/postgres.ts';
import { WebChart } from './charts/web.ts';
import { WorkerChart } from './charts/worker.ts';

// One folder per chart and one file per object: dist/web/Deployment.web.k8s.yaml. Each folder is one Argo CD Application.
const app = new App({ outdir: 'dist', yamlOutputType: YamlOutputType.FOLDER_PER_CHART_FILE_PER_RESOURCE });

new ApiChart(app, 'api', { namespace: 'production' });
new MailerChart(app, 'mailer', { namespace: 'production' });
new PostgresChart(app, 'postgres', { namespace: 'production' });
new WebChart(app, 'web', { namespace: 'production' });
new WorkerChart(app, 'worker', {
  namespace: 'production',
  image: 'registry.example.com/shop/worker:2.3.1',
  replicas: 2,
});

app.synth();
