// Goal: the dashboard in a real browser: what somebody does with it, from the first run on, works, live and
// without a reload; each page can be read in both themes, narrow and wide; and nothing that is shown is run.
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { HashRing } from '../../src/core/hash-ring.js';
import { openPage, startChromium } from '../support/browser/chromium.js';
import { auditPage } from '../support/browser/page-audit.js';
import { request } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';

/** What was written to be run somewhere; here it is text. */
const HOSTILE = [
  '<script>window.hurt=1</script>',
  '"><img src=x onerror="window.hurt=1">',
  "javascript:window.hurt=1//'",
  '<svg/onload=window.hurt=1>',
  '{{constructor.constructor("window.hurt=1")()}}',
  '\u202egnp.exe\u0000\u001b[31m',
];

const browser = await startChromium();
t.teardown(() => browser.close());
const node = await startNode({ WORKERS: '2' });
t.teardown(() => node.kill9());

const headers = { 'content-type': 'application/json' };
function post(target: string, body: object) {
  return request(`${node.url}${target}`, { method: 'POST', headers, body: JSON.stringify(body) });
}

t.test('from the first run to the first message', async (t) => {
  const { page, errors } = await openPage(browser);
  await page.goto(node.url);
  await page.getByRole('heading', { name: 'Three steps to the first message' }).waitFor();
  const ticked = (step: string) => page.getByRole('listitem').filter({ hasText: `${step}: done` });
  t.equal(await ticked('Create a topic').count(), 0);
  await page.goto(`${node.url}/topics`);
  await page.getByText('No topics yet').waitFor();
  await page.getByRole('button', { name: 'New topic' }).first().click();
  await page.getByLabel('Name', { exact: true }).fill('demo');
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.getByRole('heading', { name: 'demo', level: 1 }).waitFor();
  await page.getByRole('link', { name: 'Publish here' }).click();
  await page.getByRole('button', { name: 'Subscribe', exact: true }).click();
  await page.getByText('open', { exact: true }).waitFor();
  const second = await openPage(browser);
  await second.page.goto(node.url);
  await second.page.getByRole('listitem').filter({ hasText: 'Subscribe to it: done' }).waitFor();
  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  await page.getByText('published, the last one as sequence 1').waitFor();
  await page.getByText('"order_id": "abc-123"').last().waitFor();
  await second.page.getByRole('heading', { name: 'It works' }).waitFor();
  const delivered = second.page.locator('section').filter({ hasText: 'Commit to delivery, p99' });
  await delivered.filter({ hasText: /\d+(\.\d+)? ms/ }).waitFor();
  await second.page.getByRole('button', { name: '1h' }).click();
  await second.page.waitForURL(/\?range=1h$/);
  await second.page.getByRole('button', { name: 'Freeze' }).click();
  await second.page.getByRole('button', { name: 'Go on', pressed: true }).click();
  const happened = second.page.getByRole('list', { name: 'What happens on this node' });
  await happened.getByRole('listitem').filter({ hasText: 'topic created demo' }).waitFor();
  await second.page.reload();
  await happened.getByRole('listitem').filter({ hasText: 'topic created demo' }).waitFor();
  await page.getByRole('tab', { name: /Frames/ }).click();
  await page.getByRole('button', { name: /"type":"subscribed"/ }).click();
  await page.getByText(/7b 22 74 79 70 65 22/).waitFor();
  t.same([...errors, ...second.errors], []);
});

// From here on each has topics of its own, and most of their time is spent waiting.
t.jobs = 3;
const BESIDE = { buffered: true };

// The longest: it begins first.
const PAGES = {
  Overview: '/',
  Topics: '/topics',
  demo: '/topics/demo',
  Messages: '/messages?topic=demo',
  Nodes: '/nodes',
  Playground: '/playground',
};

t.test('each page is for everybody, in both themes, narrow and wide', BESIDE, async (t) => {
  const { page, errors } = await openPage(browser);
  for (const [name, target] of Object.entries(PAGES)) {
    await page.goto(`${node.url}${target}`);
    await page.getByRole('heading', { name, level: 1 }).waitFor();
    await page.getByText('Live', { exact: true }).waitFor();
    t.same(await auditPage(page), [], name);
  }
  t.same(errors, []);
});

t.test('what a page needs is asked for at once', BESIDE, async (t) => {
  const { page, errors } = await openPage(browser);
  const asked = (part: string) => page.waitForRequest((one) => one.url().includes(part));
  const [session, file] = [asked('/api/session'), asked('/assets/topics-')];
  // Each is held back until the other was asked for: one after the other, neither would come.
  await page.route('**/assets/index-*.js', async (route) => {
    await session.catch(() => null);
    await route.continue();
  });
  await page.route('**/api/session', async (route) => {
    await file.catch(() => null);
    await route.continue();
  });
  await page.goto(`${node.url}/topics`);
  await Promise.all([session, file]);
  await page.getByRole('heading', { name: 'Topics', level: 1 }).waitFor();
  t.same(errors, []);
  await page.context().close();
});

t.test('a topic says what waits in it, and who has it', BESIDE, async (t) => {
  const { page, errors } = await openPage(browser);
  await post('/api/topics', { name: 'waits' });
  const session = await Subscriber.open(node.wsUrl, 'json');
  t.teardown(() => session.close());
  await session.subscribe('waits', { subscription: 's', ack_wait_ms: 60_000 });
  for (let n = 0; n < 5; n++) await post('/api/publish', { topic: 'waits', payload: n });
  await eventually(() => session.messages.length === 5);
  session.send({ type: 'reject', topic: 'waits', sequence: 1 });
  await page.goto(`${node.url}/topics?prefix=waits`);
  const owner = new HashRing(['worker-0', 'worker-1']).memberOf('default\0waits') ?? '';
  const [behind, letters] = [4, 1];
  const name = new RegExp(` ${behind} ${letters} .*${owner.replace('-', ' ')} `);
  await page.getByRole('row', { name }).waitFor();
  await page.getByRole('link', { name: '1', exact: true }).click();
  await page.getByRole('table', { name: 'Dead letters', exact: true }).getByText('waits').waitFor();
  t.same(errors, []);
  await page.context().close();
});

t.test('a browser whose language is none that Intl knows has charts, too', BESIDE, async (t) => {
  const { page, errors } = await openPage(browser);
  const language = "{ value: 'en-US@posix', configurable: true }";
  await page.addInitScript({
    content: `Object.defineProperty(navigator, 'language', ${language})`,
  });
  await page.goto(node.url);
  await page.locator('canvas').first().waitFor();
  t.same(errors, []);
  await page.context().close();
});

t.test('a message that is not acknowledged comes again', BESIDE, async (t) => {
  const { page, errors } = await openPage(browser);
  await post('/api/topics', { name: 'again' });
  await page.goto(`${node.url}/playground?topic=again&ack=by-hand&format=msgpack`);
  await page.getByLabel('Key', { exact: true }).fill('of nobody else');
  await page.getByRole('button', { name: 'Subscribe', exact: true }).click();
  await page.getByText('open', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  await page.getByText('attempt 2').waitFor();
  const address = new URL(page.url());
  t.notMatch(address.search, /nobody/, 'what is typed is sent to no node');
  t.match(decodeURIComponent(address.hash), /of\+nobody\+else/, 'and is shared with the address');
  await page.getByRole('tab', { name: /Frames/ }).click();
  await page
    .getByRole('button', { name: /"type":"message"/ })
    .first()
    .click();
  await page
    .getByText(/a4 74 79 70 65 a7/)
    .first()
    .waitFor();
  await page.getByRole('tab', { name: /Messages/ }).click();
  await page.getByRole('button', { name: 'Ack', exact: true }).first().click();
  t.same(errors, []);
});

t.test('a log is looked through, from a time on, for what fits', BESIDE, async (t) => {
  await post('/api/topics', { name: 'log' });
  const messages = Array.from({ length: 300 }, (_, n) => ({
    ...{ topic: 'log', payload: { n, amount: n * 2 }, key: n % 2 === 0 ? 'eu' : 'us' },
  }));
  await post('/api/publish/batch', { messages });
  const { page, errors } = await openPage(browser);
  await page.goto(`${node.url}/messages?topic=log`);
  const filter = page.getByLabel('Only those for which');
  await filter.fill('payload.amount > 50 && payload.amount < 60 && key == "eu"');
  await filter.press('Enter');
  await page.getByText('scanned 300, matched 2').waitFor();
  await page.getByText('{"n":28,"amount":56}').waitFor();
  await filter.fill('');
  await filter.press('Enter');
  await page.getByRole('button', { name: '300', exact: true }).click();
  for (const [key, sequence] of [
    ['j', 299],
    ['j', 298],
    ['k', 299],
  ] as const) {
    await page.keyboard.press(key);
    await page.getByRole('heading', { name: `Message ${sequence} of log` }).waitFor();
  }
  await page.keyboard.press('Escape');
  await filter.fill('payload.amount > 5000');
  await filter.press('Enter');
  await page.getByText('300 messages were looked at, which is all of them.').waitFor();
  t.same(errors, []);
  await filter.fill('payload.amount >');
  await filter.press('Enter');
  await page.getByText('at character 17').waitFor();
  t.equal(await filter.inputValue(), 'payload.amount >', 'to be put right');
  await page.goto(`${node.url}/messages?topic=log&mode=oldest&time=2099-01-01T00:00:00.000Z`);
  await page.getByText('none of them from then').waitFor();
});

t.test('a topic is followed live, and ended', BESIDE, async (t) => {
  await post('/api/topics', { name: 'live' });
  const { page, errors } = await openPage(browser);
  await page.goto(`${node.url}/messages?topic=live&mode=live`);
  await page.getByText('live', { exact: true }).last().waitFor();
  await page.getByText('Nothing has come yet').waitFor();
  await post('/api/publish', { topic: 'live', payload: { n: 'the first one' } });
  await page.getByText('the first one').click();
  await page.getByRole('heading', { name: 'Message 1 of live' }).waitFor();
  await page.keyboard.press('Escape');
  await page.goto(`${node.url}/topics`);
  await page.getByRole('button', { name: 'Delete live' }).click();
  const end = page.getByRole('button', { name: /^Delete 1 messages/ });
  t.equal(await end.isDisabled(), true, 'until its name is typed');
  await page.getByLabel('Type live to go on').fill('live');
  await end.click();
  await page.getByRole('link', { name: 'live', exact: true }).waitFor({ state: 'detached' });
  t.same(errors, []);
});

function hex(sign: string): string {
  return sign.charCodeAt(0).toString(16).padStart(4, '0');
}

/** Somebody who calls himself so gives messages up for these reasons. */
async function reject(texts: readonly string[]): Promise<Subscriber> {
  const session = await Subscriber.open(node.wsUrl, 'json');
  t.teardown(() => session.close());
  session.send({ type: 'hello', client: texts[0] });
  await session.subscribe('hostile', { subscription: 'hostile', max_in_flight: 100 });
  for (const text of texts) await post('/api/publish', { topic: 'hostile', payload: text });
  await eventually(() => session.messages.length >= texts.length);
  for (const [n, { message_id }] of session.messages.entries()) {
    session.send({ type: 'reject', message_id, reason: texts[n] });
  }
  return session;
}

t.test('what is shown is never run', BESIDE, async (t) => {
  const { page, errors } = await openPage(browser);
  await post('/api/topics', { name: 'hostile' });
  for (const text of HOSTILE) {
    // A key and a header take no control characters.
    const visible = JSON.parse(JSON.stringify(text).replace(/\\u00../g, '')) as string;
    const more = { key: visible, headers: { [`h${text.length}`]: visible } };
    const { status } = await post('/api/publish', { topic: 'hostile', payload: { text }, ...more });
    t.equal(status, 200, text);
  }
  const { body } = await request(`${node.url}/api/topics/hostile/messages?order=desc&limit=6`, {});
  const ids = (body['messages'] as { message_id: string }[]).map(({ message_id: id }) => id);
  await page.goto(`${node.url}/messages?topic=hostile`);
  await page.getByText('<script>window.hurt=1</script>').first().waitFor();
  for (const id of ids) {
    await page.goto(`${node.url}/messages?topic=hostile&message=${id}`);
    await page.getByRole('heading', { name: 'Headers' }).waitFor();
  }
  await page.goto(`${node.url}/messages?topic=hostile`);
  await page.getByText('\\u202egnp.exe').first().waitFor();
  const session = await reject(HOSTILE);
  await page.goto(`${node.url}/dead-letters?topic=hostile`);
  const alike = page.getByRole('table', { name: 'Dead letters by what went wrong' });
  for (const text of HOSTILE) {
    const shown = text.replace(/[^\x20-\x7e]/g, (sign) => `\\u${hex(sign)}`);
    await alike.getByText(`rejected: ${shown}`, { exact: true }).waitFor();
  }
  for (const target of ['/dead-letters', '/sessions', '/']) {
    // What happens is told with his name when he goes.
    if (target === '/') session.close();
    await page.goto(`${node.url}${target}`);
    await page.getByText('<script>window.hurt=1</script>').first().waitFor();
  }
  t.equal(await page.evaluate('window.hurt'), undefined);
  t.same(errors, [], 'nor was it tried: the policy of the page would have said so');
});

t.test('figures that a page cannot hold are shown as they were sent', BESIDE, async (t) => {
  const { page } = await openPage(browser);
  await post('/api/topics', { name: 'huge' });
  const body = '{"topic":"huge","payload":{"big":12345678901234567890,"huge":1e999}}';
  await request(`${node.url}/api/publish`, { method: 'POST', headers, body });
  await page.goto(`${node.url}/messages?topic=huge`);
  await page.getByText('"big":12345678901234567890,"huge":1e999').waitFor();
  t.end();
});

t.test('by keys', BESIDE, async (t) => {
  const { page, errors } = await openPage(browser);
  await page.goto(node.url);
  await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor();
  await page.keyboard.press('g');
  await page.keyboard.press('t');
  await page.getByRole('heading', { name: 'Topics', level: 1 }).waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('de');
  await page.waitForURL(/prefix=de/);
  await page.keyboard.press('Control+k');
  await page.keyboard.type('dem');
  await page.getByRole('option', { name: 'demo' }).waitFor();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'demo', level: 1 }).waitFor();
  const theme = page.getByRole('button', { name: 'Theme' });
  await theme.press('ArrowDown');
  await page.getByRole('menuitemradio', { name: 'As the system', checked: true }).waitFor();
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Enter');
  await page.locator('html[data-theme=light]').waitFor({ state: 'attached' });
  t.equal(await page.getByRole('menu').count(), 0);
  await theme.press('ArrowDown');
  await page.keyboard.press('Escape');
  t.equal(await page.getByRole('menu').count(), 0);
  await page.getByRole('tab', { name: 'Latest messages' }).press('ArrowRight');
  await page.getByRole('tab', { name: 'Subscriptions', selected: true }).waitFor();
  await page.keyboard.press('?');
  await page.getByRole('heading', { name: 'Keys' }).waitFor();
  await page.getByLabel('Keys without Ctrl are on').uncheck();
  await page.keyboard.press('Escape');
  await page.getByRole('heading', { name: 'Keys' }).waitFor({ state: 'detached' });
  await page.keyboard.press('g');
  await page.keyboard.press('o');
  t.equal(new URL(page.url()).pathname, '/topics/demo', 'they are off');
  t.same(errors, []);
});

t.test('the ring says which worker has a topic, and what would move', BESIDE, async (t) => {
  const { page, errors } = await openPage(browser);
  await page.goto(`${node.url}/nodes`);
  const ring = new HashRing(['worker-0', 'worker-1']);
  for (const topic of ['demo', 'orders.created', 'a', 'b.c', 'ö']) {
    await page.getByLabel('Where is the topic').fill(topic);
    await page.getByText(`${topic} is at ${ring.memberOf(`default\0${topic}`)}`).waitFor();
  }
  await page.getByLabel('If one were lost').selectOption('worker-1');
  await page.getByText('% would move to others').waitFor();
  await page.getByText('ö is at worker-0').waitFor();
  t.same(errors, []);
});
