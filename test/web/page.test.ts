import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumPath, openBrowser } from '../support/browser.ts';
import { playTicket, startProduct, untilStatus, type Product } from '../support/product.ts';

const note = chromiumPath === undefined ? ' (SKIPPED: no Chromium on this machine)' : '';
const WRITER = 'web-writer-secret-1234';
const READER = 'web-reader-secret-1234';

// A browser beside a whole product needs its time where cores are few.
const TIME = { timeout: 240_000 };

describe.skipIf(chromiumPath === undefined)(`the page in a browser${note}`, TIME, () => {
  let product: Product;
  let browser: Browser;
  const complaints: string[] = [];

  const open = async (address: string, options: { colorScheme?: 'light' | 'dark' } = {}): Promise<Page> => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, ...options });
    page.setDefaultTimeout(90_000);
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('request', (request) => {
      if (!request.url().startsWith(product.app.url) && !request.url().startsWith('blob:'))
        complaints.push(`asks ${request.url()}`);
    });
    await page.goto(`${product.app.url}/${address}`);
    return page;
  };
  const shot = async (page: Page, name: string) => {
    const folder = process.env['TIPHYS_TEST_SHOTS'];
    if (folder !== undefined) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
  };

  beforeAll(async () => {
    product = await startProduct();
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await product.close();
  });

  it('takes a ticket from words to resolved by clicking, and follows it live', async () => {
    const page = await open('');
    await page.getByPlaceholder(/What should change/).fill('Scale web to 4 replicas');
    await page.getByRole('button', { name: 'Open ticket' }).click();
    await page.getByRole('button', { name: 'Approve ...' }).waitFor();
    await page.getByText('Rendered difference: 1 object').waitFor();
    expect(await page.locator('.patch .added').allTextContents()).toContainEqual(
      expect.stringContaining('replicas: 4'),
    );
    await shot(page, 'ticket-waits');
    await page.getByRole('button', { name: 'Approve ...' }).click();
    const dialog = page.getByRole('dialog', { name: 'Approve exactly this?' });
    const id = page.url().split('/').at(-1) ?? '';
    const hold = (await product.client.getTicket(id)).hold;
    const hash = hold?.kind === 'plan_approval' ? hold.changeHash : '';
    expect(await dialog.textContent()).toContain(hash.slice(0, 12));
    await shot(page, 'approve');
    await dialog.getByRole('button', { name: 'Approve' }).click();
    await page.getByText('+ resolved').waitFor({ timeout: 60_000 });
    await page
      .getByText(/is live and healthy/)
      .first()
      .waitFor();
    await shot(page, 'ticket-resolved');
    await page.getByRole('link', { name: 'All tickets' }).click();
    await page.getByRole('region', { name: 'Resolved' }).getByText('Scale web to 4 replicas').waitFor();
    await page.close();
  });

  it('shows what memory holds, with a picture and a chart, and the audit log', async () => {
    const failed = await playTicket(product.client, 'Update api to 1.9.0-crash');
    expect(failed.status).toBe('failed');
    const page = await open('#/memory', { colorScheme: 'dark' });
    const link = page.getByRole('link', { name: 'api', exact: true });
    await link.waitFor();
    await page.getByAltText(/Services, environments/).waitFor();
    await expect
      .poll(
        async () =>
          await page.locator('img.graph').evaluate((image) => 'naturalWidth' in image && Number(image.naturalWidth)),
      )
      .toBeGreaterThan(0);
    await shot(page, 'memory');
    await link.click();
    await page.getByText('crash loop').first().waitFor();
    await page.getByRole('img', { name: /deploys, \d+ failed/ }).waitFor();
    await page.getByRole('heading', { name: 'What hangs together with it' }).waitFor();
    await page.getByAltText(/Services, environments/).waitFor();
    await shot(page, 'service');
    await page.getByRole('link', { name: 'Audit' }).click();
    await page.getByRole('button', { name: 'Verify the chain' }).click();
    await page.getByText(/Intact: \d+ entries/).waitFor();
    await shot(page, 'audit');
    await page.close();
  });

  it('asks what a question asks, and takes the answer', async () => {
    const ticket = await product.client.createTicket({ title: 'Update web' });
    await untilStatus(product.client, ticket.id, 'pending_input');
    const page = await open(`#/tickets/${ticket.id}`);
    await page.getByText('A question for you').waitFor();
    await page.getByLabel('Your answer').fill('1.5.0');
    await page.getByRole('button', { name: 'Answer' }).click();
    await page.getByRole('button', { name: 'Approve ...' }).waitFor({ timeout: 30_000 });
    await page.getByRole('button', { name: 'Reject ...' }).click();
    await page.getByLabel('Reason').fill('not today');
    await page.getByRole('dialog').getByRole('button', { name: 'Reject' }).click();
    await page
      .getByText(/cancelled|failed/)
      .first()
      .waitFor();
    await page.close();
  });

  it('offers the Argo CD instances where there are several, and shows which a ticket is for', async () => {
    const page = await open('');
    await page.route('**/api/info', async (route) => {
      const response = await route.fetch();
      const info = (await response.json()) as { argocd: { instances: object[] } };
      info.argocd.instances.push({ name: 'west', server: 'https://west.example', default: false });
      await route.fulfill({ response, json: info });
    });
    await page.reload();
    const choice = page.getByLabel('Argo CD');
    await choice.waitFor();
    expect(await choice.locator('option').allTextContents()).toEqual([
      'as the words say, else default',
      'default',
      'west',
    ]);
    await choice.selectOption('default');
    await page.getByPlaceholder(/What should change/).fill('Why is web unhealthy?');
    const [request] = await Promise.all([
      page.waitForRequest((one) => one.method() === 'POST' && one.url().endsWith('/api/tickets')),
      page.getByRole('button', { name: 'Open ticket' }).click(),
    ]);
    expect(request.postDataJSON()).toMatchObject({ target: { instance: 'default' } });
    await page.getByText('on Argo CD default').waitFor();
    await page.close();
  });

  it('shows words of others as words', async () => {
    const ticket = await product.client.createTicket({
      title: 'Look at <img src=x onerror=alert(1)> \u202etxt.exe',
      description: '<script>alert(2)</script>',
      start: false,
    });
    const page = await open(`#/tickets/${ticket.id}`);
    await page.getByRole('heading', { name: /<img src=x onerror=alert\(1\)> \\u202etxt\.exe/ }).waitFor();
    expect(await page.locator('main img, main script').count()).toBe(0);
    await page.close();
  });

  it('goes on by itself after the connection was lost, and shows what came meanwhile', async () => {
    const page = await open('');
    await page.getByText('live', { exact: true }).waitFor();
    await page.context().setOffline(true);
    await product.client.createTicket({ title: 'Made while nobody looked', start: false });
    await page.context().setOffline(false);
    await page.getByText('Made while nobody looked').waitFor({ timeout: 30_000 });
    await page.close();
  });

  it('had nothing to complain of, and asked nobody else', () => {
    expect(complaints.filter((text) => !/ERR_INTERNET_DISCONNECTED/.test(text))).toEqual([]);
  });
});

describe.skipIf(chromiumPath === undefined)(`the page where keys are needed${note}`, TIME, () => {
  it('asks for a key, and shows one that reads nothing to write with', async () => {
    const product = await startProduct({
      server: { port: 0, apiKeys: [`alice:${WRITER}`], readOnlyApiKeys: [`eve:${READER}`] },
    });
    const browser = await openBrowser();
    try {
      const page = await browser.newPage();
      await page.goto(product.app.url);
      await page.getByLabel('API key').fill('wrong');
      await page.getByRole('button', { name: 'Enter' }).click();
      await page.getByText('The server does not know this key.').waitFor();
      await page.getByLabel('API key').fill(READER);
      await page.getByRole('button', { name: 'Enter' }).click();
      await page.getByText('eve (reads only)').waitFor();
      expect(await page.getByRole('button', { name: 'Open ticket' }).count()).toBe(0);
      expect(page.url()).not.toContain(READER);
      expect(await page.evaluate('JSON.stringify([{ ...localStorage }, document.cookie])')).toBe('[{},""]');
    } finally {
      await browser.close();
      await product.close();
    }
  });
});
