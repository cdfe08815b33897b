/**
 * What the dashboard takes, in figures: `npm run dashboard-figures` opens it in Chromium on a node of its own
 * and prints how soon the first page can be used, how long interactions take with much to see, and what
 * open pages cost a loaded node. docs/performance.md has what was measured, and on what.
 */
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { cpus, loadavg } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { startNode, type TestNode } from '../native-bench/rig/node.js';
import { type Chromium, openPage, startChromium } from './support/browser/chromium.js';
import { EventStream } from './support/clients/event-stream.js';
import { request } from './support/clients/publisher.js';
import { Subscriber } from './support/clients/subscriber.js';

const LOADS = 12;
const TOPICS = 10_000;
const SESSIONS = 5_000;
const MESSAGES = 100_000;
const BATCH = 1_000;
const AT_ONCE = 20;
/** Of the cost of open pages: each compared with none just before, so many times, for so long. */
const PAIRS = 8;
const PAIR_MS = 4_000;
/** Between interactions: what the one before has set off is drawn by then. */
const PAUSE_MS = 700;
const JSON_TYPE = { 'content-type': 'application/json' };
const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });

function post(node: TestNode, target: string, body: object) {
  const init = { method: 'POST', headers: JSON_TYPE, body: JSON.stringify(body), agent };
  return request(`${node.url}${target}`, init);
}

/** So many at a time. */
async function each(count: number, run: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await run(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

function tell(what: string, figure: string): void {
  process.stdout.write(`${what.padEnd(52)} ${figure}\n`);
}

/** Marks when the figures are there, by the page's own clock: whoever waits for it is told later. */
const MARK = `new MutationObserver((_changes, observer) => {
  if (![...document.querySelectorAll('h2')].some((one) => one.textContent === 'Published per second')) return;
  observer.disconnect();
  performance.mark('usable');
}).observe(document, { childList: true, subtree: true });`;

/** When; when its first contents were drawn; and the longest row of requests, one after the other, before. */
const LOADED = `(() => {
  const at = (name) => performance.getEntriesByName(name)[0]?.startTime ?? 0;
  const usable = at('usable');
  const requests = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
    .filter(({ responseEnd }) => responseEnd > 0 && responseEnd <= usable)
    .sort((a, b) => a.responseEnd - b.responseEnd);
  let [count, end] = [0, 0];
  for (const one of requests) if (one.startTime >= end) [count, end] = [count + 1, one.responseEnd];
  return [usable, at('first-contentful-paint'), count];
})()`;

/** From the address to a page whose figures are there and whose links can be pressed. */
async function firstPage(browser: Chromium, node: TestNode): Promise<void> {
  const loads: (readonly [usable: number, drawn: number, rounds: number])[] = [];
  for (let n = 0; n < LOADS; n++) {
    const { page } = await openPage(browser);
    await page.addInitScript(MARK);
    await page.goto(node.url, { waitUntil: 'commit' });
    await page.getByRole('heading', { name: 'Published per second' }).waitFor();
    loads.push((await page.evaluate(LOADED)) as [number, number, number]);
    await page.context().close();
  }
  tell('first page usable, nothing cached: median, p95', figuresText(loads.map(([ms]) => ms)));
  tell('  of which until its first contents are drawn', figuresText(loads.map(([, ms]) => ms)));
  const rounds = loads.map(([, , count]) => count);
  tell('  requests before, one after the other', String(quantile(rounds, 0.5)));
}

function figuresText(values: readonly number[]): string {
  return `${quantile(values, 0.5).toFixed(0)} ms, ${quantile(values, 0.95).toFixed(0)} ms`;
}

async function fill(node: TestNode): Promise<Subscriber[]> {
  const name = (n: number): string => `orders.${String(n).padStart(5, '0')}`;
  await each(TOPICS, (n) => post(node, '/api/topics', { name: name(n) }));
  await each(MESSAGES / BATCH, (n) => {
    const messages = Array.from({ length: BATCH }, (_, m) => ({
      ...{ topic: name(0), key: `customer-${m % 7}` },
      payload: { order_id: `abc-${n * BATCH + m}`, amount: 99.95 + m },
    }));
    return post(node, '/api/publish/batch', { messages });
  });
  const sessions: Subscriber[] = [];
  await each(SESSIONS, async (n) => {
    const session = await Subscriber.open(node.wsUrl, 'json');
    await session.subscribe(name(n));
    sessions.push(session);
  });
  return sessions;
}

/** Event timing is told from 16 ms on: what is below is counted as that. */
const OBSERVE = `globalThis.longest = new Map();
  new PerformanceObserver((list) => {
    for (const { interactionId, duration } of list.getEntries()) {
      if (interactionId > 0) longest.set(interactionId, Math.max(longest.get(interactionId) ?? 16, duration));
    }
  }).observe({ type: 'event', durationThreshold: 16, buffered: true });`;

type Step = readonly [what: string, run: (page: Page) => Promise<unknown>];

async function interact(browser: Chromium, node: TestNode, target: string, steps: readonly Step[]) {
  const { page } = await openPage(browser);
  await page.addInitScript(OBSERVE);
  await page.goto(`${node.url}${target}`);
  await page.getByRole('table').first().waitFor();
  await delay(PAUSE_MS);
  for (const [what, run] of steps) {
    await page.evaluate('longest.clear()');
    await run(page);
    await delay(PAUSE_MS);
    const all = (await page.evaluate('[...longest.values()]')) as number[];
    tell(`${target.split('?')[0]}: ${what}`, `${Math.max(16, ...all)} ms`);
  }
  await page.context().close();
}

const type =
  (label: string, text: string) =>
  async (page: Page): Promise<void> => {
    await page.getByLabel(label).pressSequentially(text, { delay: 60 });
  };
const press = (name: string) => (page: Page) => page.getByRole('button', { name }).first().click();

async function interactions(browser: Chromium, node: TestNode): Promise<void> {
  await interact(browser, node, '/topics', [
    ['next page', press('Next')],
    ['type in the filter', type('Names that begin with', 'orders.00')],
    ['open a topic', (page) => page.getByRole('link', { name: 'orders.00000' }).click()],
  ]);
  await interact(browser, node, '/messages?topic=orders.00000', [
    ['oldest first', (page) => page.getByLabel('Show').press('ArrowDown')],
    ['open a message', (page) => page.getByRole('row').nth(3).click()],
  ]);
  await interact(browser, node, '/sessions', [
    ['next page', press('Next')],
    ['type in the filter', type('Topic', 'orders.00')],
  ]);
}

/** Of the node's process, in ms. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

/** What a page asks beside its stream, on the overview; twenty browsers would take the node's own cores. */
const ASKED: readonly (readonly [target: string, everyMs: number])[] = [['/api/session', 15_000]];

async function openLikePage(node: TestNode): Promise<() => void> {
  const stream = await EventStream.open(`${node.url}/api/stream?client=conduit-dashboard`);
  const timers = ASKED.map(([target, everyMs]) =>
    setInterval(() => void request(`${node.url}${target}`, { agent }).catch(() => 0), everyMs),
  );
  return () => {
    for (const timer of timers) clearInterval(timer);
    stream.close();
  };
}

/** Of one core, in percent, over PAIR_MS. */
async function coreNow(node: TestNode): Promise<number> {
  const [cpu, at] = [cpuMs(node.pid), performance.now()];
  await delay(PAIR_MS);
  return (100 * (cpuMs(node.pid) - cpu)) / (performance.now() - at);
}

/**
 * In CPU of the node beyond what it uses without them, a share of one core: a loaded node uses one at least,
 * and CPU is what bounds it. Not as throughput lost: on a machine that is shared that says who else ran.
 */
async function cost(node: TestNode, pages: number): Promise<void> {
  const more: number[] = [];
  const looked = async (): Promise<number> => {
    const closes = await Promise.all(Array.from({ length: pages }, () => openLikePage(node)));
    const used = await coreNow(node);
    for (const close of closes) close();
    return used;
  };
  for (let n = 0; n < PAIRS; n++) {
    // Each order as often: what drifts counts for both.
    if (n % 2 === 0) {
      const none = await coreNow(node);
      more.push((await looked()) - none);
    } else {
      const some = await looked();
      more.push(some - (await coreNow(node)));
    }
  }
  const spread = `${quantile(more, 0.25).toFixed(2)} to ${quantile(more, 0.75).toFixed(2)}`;
  const name = pages === 1 ? 'one page' : `${pages} pages`;
  tell(
    `${name} open, of one core: median, half of the pairs`,
    `${quantile(more, 0.5).toFixed(2)} %, ${spread}`,
  );
}

const load1 = loadavg()[0]?.toFixed(1) ?? '?';
tell('machine', `${cpus().length} cores, load ${load1} before it began`);
const browser = await startChromium();
const small = await startNode({ WORKERS: '1' });
await firstPage(browser, small);
await cost(small, 1);
await cost(small, 20);
await small.kill9();
const large = await startNode({
  ...{ WORKERS: '2', ACCEPT_RATE_MAX: '100000' },
  MEMORY_LOG_TOPIC_MESSAGES_MAX: String(MESSAGES),
});
const sessions = await fill(large);
tell('seen', `${TOPICS} topics, ${sessions.length} sessions, ${MESSAGES} messages in one topic`);
await interactions(browser, large);
await browser.close();
await large.kill9();
process.exit(0);
