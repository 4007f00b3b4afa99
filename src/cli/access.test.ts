import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeTempDir } from '../../test/support/open-repo.ts';
import { startProduct, type Product } from '../../test/support/product.ts';
import { runTiphys } from '../../test/support/tiphys-process.ts';
import { runCommand } from './test-terminal.ts';

const KEY = 'a-key-nobody-guesses';
let product: Product;
beforeAll(async () => {
  product = await startProduct({ server: { port: 0, apiKeys: [`alice:${KEY}`] } });
});
afterAll(async () => await product.close());

describe('commands and a server', () => {
  it('send the key of the environment, and are known by it', async () => {
    const server = product.app.url;
    const created = await runCommand(['ticket', 'create', 'Restart web', '--draft', '--json'], { server, key: KEY });
    expect(created).toMatchObject({ exitCode: 0, stderr: '' });
    expect(JSON.parse(created.stdout)).toMatchObject({ actor: 'person:alice' });
  });

  it('say what is wrong with the key', async () => {
    const server = product.app.url;
    const none = await runCommand(['ticket', 'list'], { server });
    expect(none).toMatchObject({ exitCode: 1, stdout: '' });
    expect(none.stderr).toContain('needs an API key\nPut your key into the environment: export TIPHYS_API_KEY=');
    const wrong = await runCommand(['ticket', 'list'], { server, key: 'wrong' });
    expect(wrong).toMatchObject({ exitCode: 1, stdout: '' });
    expect(wrong.stderr).toContain('does not know the key in TIPHYS_API_KEY');
  });

  it.each([
    [['ticket', 'show', 'ZZZZZZZZ'], { code: 'not_found', exitCode: 1 }],
    [['ticket', 'show', 'ab'], { code: 'invalid_input', exitCode: 2 }],
    [['ticket', 'list', '--status', 'solved'], { code: 'invalid_input', exitCode: 2 }],
    [['context', 'nobody'], { code: 'not_found', exitCode: 1 }],
    [['memory', 'explain', 'ZZZZZZZZ'], { code: 'not_found', exitCode: 1 }],
    [['status', '--server', 'http://127.0.0.1:1'], { code: 'timeout', exitCode: 4 }],
  ])('refuse %j as JSON too, where that is asked for', async (args, error) => {
    const said = await runCommand([...args, '--json'], { server: product.app.url, key: KEY });
    expect(JSON.parse(said.stdout)).toMatchObject({ error });
    expect(said.exitCode).toBe(error.exitCode);
    const plain = await runCommand(args, { server: product.app.url, key: KEY });
    expect(plain).toMatchObject({ exitCode: error.exitCode, stdout: '' });
  });

  it('refuse an address that is none, and one with a secret in it', async () => {
    for (const args of [
      ['--server', 'localhost:3000'],
      ['--server', 'http://a:b@localhost'],
    ])
      expect(await runCommand(['status', ...args], { server: '' })).toMatchObject({ exitCode: 2, stdout: '' });
    const variable = await runCommand(['status'], { server: 'ftp://x' });
    expect(variable).toMatchObject({ exitCode: 2, stdout: '' });
    expect(variable.stderr).toContain('TIPHYS_SERVER_URL must be an http:// or https:// address');
  });
});

describe('the program itself', () => {
  it('finds its server and key in the environment; the option wins', async () => {
    const cwd = await makeTempDir();
    const env = { TIPHYS_SERVER_URL: product.app.url, TIPHYS_API_KEY: KEY };
    const status = await runTiphys(['status', '--json'], { cwd, env });
    expect(status).toMatchObject({ exitCode: 0, stderr: '' });
    expect(JSON.parse(status.stdout)).toMatchObject({ server: product.app.url, ready: { status: 'ready' } });

    const stopped = await runTiphys(['deploy', 'web', '--version', '1.5.0', '--server', 'http://127.0.0.1:1'], {
      cwd,
      env,
    });
    expect(stopped).toMatchObject({ exitCode: 4, stdout: '' });
    expect(stopped.stderr).toMatch(
      /^tiphys: no server answers at http:\/\/127\.0\.0\.1:1.*\nStart one with "tiphys serve"/,
    );
  });

  it('asks nobody where there is no terminal, and ends with 2', async () => {
    const cwd = await makeTempDir();
    const { id } = JSON.parse(
      (
        await runCommand(['deploy', 'web', '--replicas', '7', '--wait', '--json'], {
          server: product.app.url,
          key: KEY,
        })
      ).stdout,
    ) as { id: string };
    const env = { TIPHYS_SERVER_URL: product.app.url, TIPHYS_API_KEY: KEY };
    const refused = await runTiphys(['ticket', 'approve', id], { cwd, env });
    expect(refused).toMatchObject({ exitCode: 2, stdout: '' });
    expect(refused.stderr).toContain('--hash is missing');
  });
});
