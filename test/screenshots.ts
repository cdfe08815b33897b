/**
 * Pictures of the dashboard for the documents: `npm run screenshots` starts a node with something to see, and
 * writes docs/images. They are looked at before they are kept.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { PACKAGE_FOLDER, startNode, type TestNode } from '../native-bench/rig/node.js';
import { openPage, startChromium } from './support/browser/chromium.js';
import { request } from './support/clients/publisher.js';
import { Subscriber } from './support/clients/subscriber.js';

const FOLDER = path.join(PACKAGE_FOLDER, 'docs/images');
const VIEWPORT = { width: 1280, height: 800 };
const TOPICS = ['orders.created', 'orders.shipped', 'payments.settled', 'users.signed-up'];
/** So long it is looked at before a picture is taken: charts need something to show. */
const LIVE_MS = 45_000;
const EVERY_MS = 40;

async function post(node: TestNode, target: string, body: object) {
  const headers = { 'content-type': 'application/json' };
  const init = { method: 'POST', headers, body: JSON.stringify(body) };
  return (await request(`${node.url}${target}`, init)).body;
}

/** Subscribers of every kind: one that does well, one that fails now and then, one that is slow. */
async function subscribe(node: TestNode): Promise<void> {
  const [topic = ''] = TOPICS;
  const billing = await Subscriber.open(node.wsUrl, 'json');
  billing.send({ type: 'hello', client: 'billing', version: '2.4.1' });
  let n = 0;
  billing.onMessage = ({ message_id }) => {
    n += 1;
    const fails = { type: 'nack', reason: 'the printer is out of paper' };
    const ends = { type: 'reject', reason: 'no such customer' };
    billing.send({ message_id, ...(n % 40 === 0 ? ends : n % 9 === 0 ? fails : { type: 'ack' }) });
  };
  await billing.subscribe(topic, { subscription: 'billing' });
  const report = await Subscriber.open(node.wsUrl, 'json');
  report.send({ type: 'hello', client: 'nightly-report', version: '0.9' });
  await report.subscribe(topic, {
    subscription: 'report',
    max_in_flight: 50,
    ack_wait_ms: 600_000,
  });
  for (const other of TOPICS.slice(1)) {
    const mailer = await Subscriber.open(node.wsUrl, 'msgpack');
    mailer.send({ type: 'hello', client: 'mailer', version: '1.0.3' });
    mailer.onMessage = ({ message_id }) => mailer.send({ type: 'ack', message_id });
    await mailer.subscribe(other, { subscription: 'mailer' });
  }
}

const node = await startNode({ NODE_ID: 'eu-1', WORKERS: '2' });
const browser = await startChromium();
mkdirSync(FOLDER, { recursive: true });
for (const name of TOPICS) await post(node, '/api/topics', { name });
await subscribe(node);
let published = 0;
const publishing = setInterval(() => {
  const wave = 1 + Math.round(3 + 3 * Math.sin(published / 60));
  for (let n = 0; n < wave; n++) {
    const topic = TOPICS[Math.floor(Math.abs(Math.sin(published)) * TOPICS.length)] ?? '';
    const payload = { order_id: `abc-${published}`, amount: 99.95 + published, country: 'DE' };
    post(node, '/api/publish', { topic, payload, key: `customer-${published % 7}` }).catch(() => 0);
    published += 1;
  }
}, EVERY_MS);
const { page } = await openPage(browser, { viewport: VIEWPORT, colorScheme: 'dark' });

async function shoot(name: string, target: string, ready: string): Promise<void> {
  await page.goto(`${node.url}${target}`);
  await page.getByText(ready).first().waitFor();
  await page.waitForTimeout(name === 'overview' ? LIVE_MS : 4_000);
  await page.screenshot({ path: path.join(FOLDER, `${name}.png`) });
}

await shoot('overview', '/', 'Needs attention');
const { dead_letters: letters } = (await request(`${node.url}/api/dead-letters?limit=1`, {}))
  .body as { dead_letters: { message_id: string }[] };
const given = letters[0]?.message_id ?? '';
await shoot('message', `/messages?topic=orders.created&message=${given}`, 'What became of it');
await shoot('sessions', '/sessions', 'How full their windows are');
await shoot('nodes', '/nodes', 'eu-1');
await page.emulateMedia({ colorScheme: 'light' });
await shoot('topics', '/topics', 'orders.created');
await shoot('dead-letters', '/dead-letters', 'no such customer');
clearInterval(publishing);
await browser.close();
await node.kill9();
process.exit(0);
