import { describeConfig } from '../config/describe.ts';
import { loadProcessConfig } from './config-source.ts';

export function checkConfig(asJson: boolean): void {
  const described = describeConfig(loadProcessConfig());
  process.stdout.write(asJson ? `${JSON.stringify(described.json, null, 2)}\n` : `${described.text.trimEnd()}\n`);
}
