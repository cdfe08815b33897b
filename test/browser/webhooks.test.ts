// Goal: where a subscription's messages are sent over HTTP is set, changed and ended on its page: what is
// wrong is said beside its field, a secret is shown once, and what the endpoint has ended is taken up again.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { openPage, startChromium } from '../support/browser/chromium.js';
import { auditPage } from '../support/browser/page-audit.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { postJson } from '../support/nodes/node-pair.js';

const browser = await startChromium();
t.teardown(() => browser.close());
const node = await startNode({ WORKERS: '1', WEBHOOK_ALLOW: '127.0.0.1' });
t.teardown(() => node.kill9());

const got: string[] = [];
let status = 200;
const endpoint = http.createServer((asked, answer) => {
  asked.on('data', (chunk: Buffer) => got.push(chunk.toString('utf8')));
  asked.on('end', () => answer.writeHead(status).end());
});
await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve));
t.teardown(() => endpoint.close());
const url = `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}/hook`;

t.test('a webhook is set, changed, taken up again and removed', async (t) => {
  await postJson(node, '/api/topics', { name: 'bills' });
  const session = await Subscriber.open(node.wsUrl, 'json');
  await session.subscribe('bills', { subscription: 'printer', ack_wait_ms: 60_000 });
  session.close();
  const { page, errors } = await openPage(browser);
  await page.goto(`${node.url}/subscriptions?open=bills/printer`);
  const section = page.getByRole('region', { name: 'Webhook' });
  await section.getByText('None.').waitFor();
  await section.getByLabel('Address').fill('http://10.0.0.1/hook');
  await section.getByRole('button', { name: 'Set the webhook' }).click();
  const wrong = section.getByRole('alert').filter({ hasText: 'url:' });
  await wrong.waitFor();
  t.equal(await section.getByLabel('Address').inputValue(), 'http://10.0.0.1/hook');
  await section.getByLabel('Address').fill(url);
  await section.getByLabel('Requests at once').fill('0');
  await section.getByRole('button', { name: 'Set the webhook' }).click();
  await section.getByRole('alert').filter({ hasText: 'concurrency:' }).waitFor();
  await section.getByLabel('Requests at once').fill('2');
  await section.getByRole('button', { name: 'Set the webhook' }).click();
  const shown = section.getByText(/^whsec_/);
  const first = (await shown.textContent()) ?? '';
  t.same(await auditPage(page), []);
  await section.getByLabel('I saved it').check();
  await section.getByRole('button', { name: 'Done' }).click();
  await shown.waitFor({ state: 'detached' });
  await postJson(node, '/api/publish', { topic: 'bills', payload: { n: 1 } });
  await eventually(() => got.length === 1);

  await section.getByRole('button', { name: 'Make another secret' }).click();
  t.not(await shown.textContent(), first);
  await section.getByText('2 secrets').waitFor();
  await section.getByLabel('I saved it').check();
  await section.getByRole('button', { name: 'Done' }).click();

  await section.getByRole('button', { name: 'Change' }).click();
  await section.getByLabel('Requests at once').fill('5');
  await section.getByRole('button', { name: 'Save' }).click();
  await section.getByText('5 requests').waitFor();

  status = 410;
  await postJson(node, '/api/publish', { topic: 'bills', payload: { n: 2 } });
  await section.getByText('answered 410 Gone').waitFor();
  status = 200;
  const before = got.length;
  await section.getByRole('button', { name: 'Send again' }).click();
  await section.getByText('active', { exact: true }).waitFor();
  await eventually(() => got.length > before);

  await section.getByRole('button', { name: 'Remove', exact: true }).click();
  await section.getByRole('button', { name: 'Remove it: the subscription stays' }).click();
  await section.getByText('None.').waitFor();
  // The browser itself reports what is not there, and what was refused.
  t.same(
    errors.filter((line) => !/40[04]/.test(line)),
    [],
  );
});
