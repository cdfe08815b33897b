// Goal: whoever looks at one node sees another come and go, live, and is told of it as it happens.
import t from 'tap';
import { startNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { openPage, startChromium } from '../support/browser/chromium.js';

const browser = await startChromium();
t.teardown(() => browser.close());
const postgres = await startPostgres();
t.teardown(() => postgres.stop());
const env = { DATABASE_URL: postgres.url, WORKERS: '1' };
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
