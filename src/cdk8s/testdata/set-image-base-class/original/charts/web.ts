import { Construct } from 'constructs';
import { ServiceChart } from './service';

export class WebChart extends ServiceChart {
  constructor(scope: Construct, id: string) {
    super(scope, id, { name: 'web', image: 'web:1' });
  }
}
