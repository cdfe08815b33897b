// Goal: who has a key sees what it is for, and no more; the key is kept nowhere in the browser; a node that
// goes away and comes back takes nothing of what was typed, and one that was upgraded asks for a reload.
import t from 'tap';
import { startNode } from '../../native-bench/rig/node.js';
import { openPage, startChromium } from '../support/browser/chromium.js';
import { auditPage } from '../support/browser/page-audit.js';

const ADMIN_KEY = 'the-operators-own-key';
const TENANT_KEY = 'the-default-tenants-own-key';

const browser = await startChromium();
t.teardown(() => browser.close());
const env = { ENABLE_AUTH: 'true', ADMIN_API_KEY: ADMIN_KEY, DEFAULT_API_KEY: TENANT_KEY };

t.test('a key for a cookie, and back', async (t) => {
  const node = await startNode({ ...env, LOGINS_PER_MINUTE_MAX: '100' });
  t.teardown(() => node.kill9());
  const { page, errors } = await openPage(browser);
  await page.goto(`${node.url}/topics`);
  await page.getByLabel('API key').fill('not-a-key');
  t.same(await auditPage(page), []);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByText('No key is like this one').waitFor();
  // The browser itself reports the 401.
  t.equal(errors.splice(0).filter((line) => !line.includes('401')).length, 0);
  await page.getByLabel('API key').fill(TENANT_KEY);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('heading', { name: 'Topics', level: 1 }).waitFor();
  const navigation = page.getByRole('navigation', { name: 'Pages of the dashboard' });
  await navigation.getByRole('link', { name: 'Messages' }).waitFor();
  t.equal(await navigation.getByRole('link', { name: 'Nodes' }).count(), 0, 'is not for a tenant');
  const kept = String(await page.evaluate('JSON.stringify(localStorage) + document.cookie'));
  t.notMatch(kept, TENANT_KEY);
  t.notMatch(kept, /conduit_session|cdl_/);
  await page.goto(`${node.url}/nodes`);
  await page.getByText('The key that you logged in with is not for this.').waitFor();
  t.equal(errors.splice(0).filter((line) => !line.includes('403')).length, 0);
  await page.getByRole('button', { name: /^Logged in/ }).click();
  await page.getByRole('menuitem', { name: 'Log out' }).click();
  await page.getByRole('heading', { name: 'Log in to Conduit' }).waitFor();
  await page.getByLabel('API key').fill(ADMIN_KEY);
  await page.getByRole('button', { name: 'Log in' }).click();
  await navigation.getByRole('link', { name: 'Nodes' }).waitFor();
});

t.test('a login that ends while the page is open', async (t) => {
  const node = await startNode({ ...env, LOGINS_PER_MINUTE_MAX: '100' });
  t.teardown(() => node.kill9());
  const keyed = { 'content-type': 'application/json', 'x-api-key': TENANT_KEY };
  const newKey = async (topics: string[] | null): Promise<{ id: string; key: string }> => {
    const body = JSON.stringify({ scopes: ['publish', 'subscribe', 'manage'], topics });
    const answer = await fetch(`${node.url}/api/keys`, { method: 'POST', headers: keyed, body });
    return (await answer.json()) as { id: string; key: string };
  };
  const revoke = async ({ id }: { id: string }): Promise<unknown> =>
    fetch(`${node.url}/api/keys/${id}`, { method: 'DELETE', headers: keyed });
  const publish = (payload: string): Promise<unknown> => {
    const body = JSON.stringify({ topic: 'demo', payload });
    return fetch(`${node.url}/api/publish`, { method: 'POST', headers: keyed, body });
  };
  const [first, second, narrow] = [await newKey(null), await newKey(null), await newKey(['other'])];
  const { page } = await openPage(browser);
  const logIn = async (key: string): Promise<void> => {
    await page.getByLabel('API key').fill(key);
    await page.getByRole('button', { name: 'Log in' }).click();
  };
  await page.goto(`${node.url}/playground?topic=demo`);
  await logIn(first.key);
  const live = () => page.getByText('Live', { exact: true }).waitFor();
  await live();
  await page.getByLabel('Times', { exact: true }).fill('7');
  await page.getByRole('button', { name: 'Subscribe', exact: true }).click();
  await page.getByText('open', { exact: true }).waitFor();
  await publish('before');
  await page.getByText('"before"').waitFor();
  await revoke(first);
  const ended = page.getByRole('dialog', { name: 'Your login has ended' });
  await ended.waitFor();
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  await ended.waitFor();
  t.same(await auditPage(page), []);
  await logIn('not-a-key');
  await page.getByText('No key is like this one').waitFor();
  await logIn(second.key);
  await ended.waitFor({ state: 'detached' });
  t.equal(await page.getByLabel('Times', { exact: true }).inputValue(), '7');
  await page.getByText('"before"').waitFor();
  await live();
  await page.getByText('open', { exact: true }).waitFor();
  await publish('after');
  await page.getByText('"after"').waitFor();
  await revoke(second);
  await ended.waitFor();
  await logIn(narrow.key);
  await ended.waitFor({ state: 'detached' });
  await page.getByRole('heading', { name: 'Playground', level: 1 }).waitFor();
  t.equal(await page.getByLabel('Times', { exact: true }).inputValue(), '1', 'of another: anew');
  t.equal(await page.getByText('"before"').count(), 0);
});

t.test('a node that goes away and comes back', async (t) => {
  const node = await startNode();
  const { page } = await openPage(browser);
  await page.goto(`${node.url}/playground?topic=demo`);
  await page.getByLabel('Key', { exact: true }).fill('typed before');
  await page.getByText('Live', { exact: true }).waitFor();
  // As if it had begun with another script than that which the node has when it is back.
  const began = `document.querySelector('script[src]').setAttribute('src', '/assets/index-before.js')`;
  await page.evaluate(began);
  await node.kill9();
  await page.getByText('Reconnecting').waitFor();
  t.equal(await page.getByLabel('Key', { exact: true }).inputValue(), 'typed before');
  const again = await startNode({ PORT: String(node.port) });
  t.teardown(() => again.kill9());
  await page.getByText('Live', { exact: true }).waitFor();
  await page.getByText('The node was upgraded while this page was open.').waitFor();
  t.equal(await page.getByLabel('Key', { exact: true }).inputValue(), 'typed before');
  await page.getByRole('button', { name: 'Reload the page' }).click();
  await page.getByText('The node was upgraded').waitFor({ state: 'detached' });
  t.equal(await page.getByLabel('Key', { exact: true }).inputValue(), 'typed before');
});
