// Goal: what operators come for: a message is followed from its publish to a dead letter, edited and
// acknowledged; what stands in the way of another is named, whichever it is; keys are made, used and revoked.
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { openPage, startChromium } from '../support/browser/chromium.js';
import { auditPage } from '../support/browser/page-audit.js';
import { request } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';

const KEY = 'the-default-tenants-own-key';
const ADMIN_KEY = 'the-operators-own-key';
const LONG_MS = 600_000;
const LARGE = 'x'.repeat(200_000);

const browser = await startChromium();
t.teardown(() => browser.close());
const node = await startNode({
  ...{ ENABLE_AUTH: 'true', DEFAULT_API_KEY: KEY, ADMIN_API_KEY: ADMIN_KEY, WORKERS: '2' },
  ...{ LOGINS_PER_MINUTE_MAX: '100', WRITE_DEADLINE_MS: '60000' },
});
t.teardown(() => node.kill9());

async function post(target: string, body: object, key = KEY) {
  const headers = { 'content-type': 'application/json', 'x-api-key': key };
  const text = JSON.stringify(body);
  const answer = await request(`${node.url}${target}`, { method: 'POST', headers, body: text });
  if (answer.status >= 300) throw new Error(`${target}: ${JSON.stringify(answer.body)}`);
  return answer.body;
}

async function loggedIn(key: string, target: string) {
  const opened = await openPage(browser);
  const { page } = opened;
  await page.goto(`${node.url}${target}`);
  await page.getByLabel('API key').fill(key);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByText('Live', { exact: true }).waitFor();
  return opened;
}

function open(topic: string, options: object): Promise<Subscriber> {
  return Subscriber.open(node.wsUrl, 'json', KEY).then(async (session) => {
    await session.subscribe(topic, { ...options });
    t.teardown(() => session.close());
    return session;
  });
}

t.test('from publish to dead letter to edit and retry to acked', async (t) => {
  await post('/api/topics', { name: 'bills' });
  const session = await open('bills', { subscription: 'printer' });
  session.onMessage = ({ payload, message_id }) => {
    const isGood = (payload as { amount: number }).amount > 0;
    const why = { type: 'reject', reason: 'no such amount' };
    session.send({ ...(isGood ? { type: 'ack' } : why), message_id });
  };
  await post('/api/publish', { topic: 'bills', payload: { amount: -5 } });
  const { page, errors } = await loggedIn(KEY, '/dead-letters');
  const letters = page.getByRole('table', { name: 'Dead letters', exact: true });
  await letters.getByText('no such amount').click();
  await page.getByRole('button', { name: 'Edit and retry' }).click();
  await page.getByLabel('Payload, JSON').fill('{"amount": 5}');
  await page.getByRole('button', { name: 'Publish the changed one' }).click();
  await page.getByText('Published anew as').waitFor();
  await page.getByRole('link', { name: 'sequence 2' }).click();
  await page.getByRole('heading', { name: 'Message 2 of bills' }).waitFor();
  await page.getByText('acked', { exact: true }).waitFor();
  await page.getByText('conduit-edited-from').waitFor();
  t.equal(session.messages.length, 2);
  await page.goto(`${node.url}/dead-letters`);
  await page.getByText('No dead letters').waitFor();
  t.same(errors, []);
});

t.test('many are counted first, then given back or deleted', async (t) => {
  await post('/api/topics', { name: 'many' });
  const session = await open('many', { subscription: 'all' });
  const verdicts = { type: 'reject' };
  session.onMessage = ({ message_id }) => session.send({ ...verdicts, message_id });
  for (let n = 0; n < 3; n++) await post('/api/publish', { topic: 'many', payload: n });
  const { page, errors } = await loggedIn(KEY, '/dead-letters?topic=many&subscription=all');
  await page.getByRole('button', { name: 'Choose dead letter' }).first().count();
  await eventually(async () => (await page.getByRole('checkbox').count()) === 3);
  const alike = page.getByRole('table', { name: 'Dead letters by what went wrong' });
  await alike.getByRole('row', { name: /^3 reject.* many all/ }).waitFor();
  verdicts.type = 'ack';
  await page.getByRole('checkbox').first().check();
  await page.getByRole('button', { name: 'Give back 1 chosen' }).click();
  await page.getByRole('button', { name: 'Give back 1 dead letter', exact: true }).click();
  await page.getByText('done: 1 of 1 given back').waitFor();
  await page.getByRole('button', { name: 'Done', exact: true }).click();
  await eventually(async () => (await page.getByRole('checkbox').count()) === 2);
  await page.getByRole('button', { name: 'Delete all that match' }).click();
  const end = page.getByRole('button', { name: 'Delete 2 dead letters' });
  t.equal(await end.isDisabled(), true, 'until the count is typed');
  await page.getByLabel('Type 2 to go on').fill('2');
  await end.click();
  await page.getByText('No dead letters').waitFor();
  t.same(errors, []);
});

/** For each a topic of its own, what the doctor looks at, and what it has to say. */
const CAUSES = [
  { cause: 'paused', says: 'Somebody has paused it' },
  { cause: 'window', says: 'and none of them is acknowledged' },
  { cause: 'slow', says: 'which does not read them' },
  { cause: 'retry', says: 'comes again in' },
  { cause: 'nobody', says: 'No session has it open' },
] as const;

async function plant(cause: (typeof CAUSES)[number]['cause']): Promise<void> {
  const topic = `ill.${cause}`;
  await post('/api/topics', { name: topic });
  const options = { subscription: 's', ack_wait_ms: LONG_MS, max_in_flight: 2 };
  const session = await open(
    topic,
    cause === 'slow' ? { ...options, max_in_flight: 1_000 } : options,
  );
  if (cause === 'retry') {
    session.onMessage = ({ message_id }) =>
      session.send({ type: 'nack', message_id, delay_ms: LONG_MS, reason: 'out of paper' });
  }
  if (cause === 'slow') session.socket.pause();
  const payload = cause === 'slow' ? LARGE : 1;
  const count = cause === 'slow' ? 60 : 3;
  for (let n = 0; n < count; n++) await post('/api/publish', { topic, payload });
  if (cause === 'paused') await post(`/api/subscriptions/${topic}/s/pause`, {});
  if (cause === 'nobody') session.close();
}

t.test('what stands in the way is named', async (t) => {
  const { id } = (await post('/api/keys', { scopes: ['publish'] })) as { id: string };
  const { page, errors } = await loggedIn(KEY, '/topics/ill.none');
  await page.getByRole('button', { name: 'Look', exact: true }).click();
  await page.getByText('There is no topic ill.none').waitFor();
  for (let n = 0; n < 3; n++) {
    await page.waitForResponse((answer) => answer.url().endsWith('/api/topics/ill.none'));
  }
  const found = await page.getByText('There is no topic ill.none').count();
  t.equal(found, 1, 'it stays while the topic is asked for again');
  for (const { cause, says } of CAUSES) {
    await plant(cause);
    await page.goto(`${node.url}/subscriptions?open=ill.${cause}/s`);
    const look = page.getByRole('button', { name: 'Look', exact: true });
    await look.waitFor();
    await eventually(async () => {
      await look.click();
      await page
        .getByText(/: (yes|no)$/)
        .first()
        .waitFor({ state: 'attached' });
      return (await page.getByText(says).count()) > 0;
    }, 60_000);
    t.pass(cause);
  }
  await page.goto(`${node.url}/topics/ill.nobody?tab=doctor`);
  await page.getByLabel('Id of the subscriber’s key').fill(id);
  await page.getByRole('button', { name: 'Look', exact: true }).click();
  await page.getByText('lacks the scope subscribe').waitFor();
  // The browser itself reports the topic that is not there.
  t.same(
    errors.filter((line) => !line.includes('404')),
    [],
  );
});

t.test('a key is made, shown once, used and revoked', async (t) => {
  const { page, errors } = await loggedIn(ADMIN_KEY, '/keys');
  await page.getByRole('button', { name: 'New key' }).click();
  await page.getByLabel('Topics', { exact: true }).fill('bills');
  await page.getByLabel(/^operate/).check();
  await page.getByRole('button', { name: 'Make it' }).click();
  await page.getByRole('heading', { name: 'The key, this once' }).waitFor();
  const key = (await page.getByText(/^cdt_/).first().textContent()) ?? '';
  t.equal(await page.getByRole('button', { name: 'Done' }).isDisabled(), true);
  await page.getByLabel('I saved it').check();
  await page.getByRole('button', { name: 'Done' }).click();
  t.equal(await page.getByText(key).count(), 0, 'it is gone');
  const asked = () => fetch(`${node.url}/api/topics/bills`, { headers: { 'x-api-key': key } });
  t.not((await asked()).status, 401);
  const other = await openPage(browser);
  await other.page.goto(`${node.url}/topics`);
  await other.page.getByLabel('API key').fill(key);
  await other.page.getByRole('button', { name: 'Log in' }).click();
  await other.page.getByRole('heading', { name: 'Topics', level: 1 }).waitFor();
  const id = key.split('_')[1] ?? '';
  await page.getByRole('button', { name: `Revoke ${id}` }).click();
  await page
    .getByRole('button', { name: `Revoke ${id}` })
    .last()
    .click();
  await eventually(
    async () => (await page.getByRole('button', { name: `Revoke ${id}` }).count()) === 0,
  );
  await eventually(async () => (await asked()).status === 401);
  await other.page.getByRole('heading', { name: 'Your login has ended' }).waitFor();
  await page.goto(`${node.url}/audit`);
  await page.getByText('key.delete').first().waitFor();
  t.same(errors, []);
});

const PAGES = { Subscriptions: '/subscriptions', 'Dead letters': '/dead-letters' };
const OPERATED = { Sessions: '/sessions', 'Tenants & keys': '/keys', Audit: '/audit' };

t.test('each page is for everybody, in both themes, narrow and wide', async (t) => {
  for (const [key, pages] of [
    [KEY, PAGES],
    [ADMIN_KEY, OPERATED],
  ] as const) {
    const { page, errors } = await loggedIn(key, '/');
    for (const [name, target] of Object.entries(pages)) {
      await page.goto(`${node.url}${target}`);
      await page.getByRole('heading', { name, level: 1 }).waitFor();
      await page.getByText('Loading').first().waitFor({ state: 'detached' });
      t.same(await auditPage(page), [], name);
    }
    t.same(errors, []);
  }
});
