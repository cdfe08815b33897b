// Goal: whoever looks at one node sees another come and go, live, and is told of it as it happens.
import t from 'tap';
import { startNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { openPage, startChromium } from '../support/browser/chromium.js';
import { Subscriber } from '../support/clients/subscriber.js';

const browser = await startChromium();
t.teardown(() => browser.close());
const postgres = await startPostgres();
t.teardown(() => postgres.stop());
const INTERNAL_SECRET = 'a secret that the nodes of a test have in common';
const env = { DATABASE_URL: postgres.url, WORKERS: '1', INTERNAL_SECRET };
const node = await startNode({ ...env, NODE_ID: 'one' });
t.teardown(() => node.kill9());

t.test('a second node joins and leaves', async (t) => {
  const { page, errors } = await openPage(browser);
  await page.goto(node.url);
  await page.getByText('Live', { exact: true }).waitFor();
  const happened = page.getByRole('list', { name: 'What happens on this node' });
  const told = (text: string) => happened.getByRole('listitem').filter({ hasText: text }).waitFor();
  const second = await startNode({ ...env, NODE_ID: 'two' });
  await told('node joined two');
  await page.getByText('two', { exact: true }).first().waitFor();
  await second.kill9();
  await told('node left two');
  await page.getByText('two has not renewed its lease').waitFor();
  await page.goto(`${node.url}/nodes`);
  await page.getByText('lost', { exact: true }).first().waitFor();
  t.same(errors, []);
});

t.test('a node is looked at from another, and drained', async (t) => {
  const { page, errors } = await openPage(browser);
  const third = await startNode({ ...env, NODE_ID: 'three' });
  await page.goto(`${node.url}/nodes`);
  const threads = page.getByRole('table', { name: 'Threads of three' });
  const card = page.getByRole('listitem').filter({ has: threads });
  for (const thread of ['worker 0', 'acceptor 0', 'main']) {
    await card.getByRole('row', { name: new RegExp(`^${thread} .*\\d %.* m?s$`) }).waitFor();
  }
  await card.getByText(/^\d+ MiB$/).waitFor();
  await card.getByText('open', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Drain three' }).click();
  const dialog = page.getByRole('dialog', { name: 'Drain three' });
  t.notMatch(await dialog.textContent(), 'No other node');
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('button', { name: 'Drain three' }).click();
  const socket = await Subscriber.open(third.wsUrl, 'json');
  await dialog.getByRole('button', { name: 'Drain it' }).click();
  await dialog.waitFor({ state: 'detached' });
  t.equal(await third.exited, 0, 'it ends in order');
  await card.waitFor({ state: 'detached' });
  socket.close();
  await page.getByRole('button', { name: 'Drain one' }).click();
  await page.getByText('No other node lives').waitFor();
  t.same(errors, []);
});
