/**
 * `npm run client-speed -- [--messages N] [--browser]`: what the client takes to receive and acknowledge, in
 * CPU for each message, which other work on the machine hardly changes, and as a rate, which it does. In
 * this Node with msgpack, or in Chromium with JSON and the tasks of more than 50 ms.
 */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { PACKAGE_FOLDER, startNode } from '../native-bench/rig/node.js';
import { connect } from '../src/client/client.js';
import { msgpack } from '../src/client/msgpack.js';
import { openPage, startChromium } from './support/browser/chromium.js';
import { readAll, type SpeedFigures } from './support/clients/speed-load.js';

const TOPIC = 'speed';
const BATCH = 500;
const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '400000' },
    browser: { type: 'boolean', default: false },
  },
});
const messages = Number(values.messages);
if (!Number.isSafeInteger(messages) || messages < BATCH) {
  say(`--messages takes a number from ${BATCH}`);
  process.exit(78);
}
const node = await startNode({
  WORKERS: '1',
  MEMORY_LOG_TOPIC_MESSAGES_MAX: String(messages),
  MEMORY_LOG_TOPIC_BYTES_MAX: String(2 ** 30),
  MEMORY_LOG_BYTES_MAX: String(2 ** 30),
});
try {
  await fill();
  say(await (values.browser ? inBrowser() : inNode()));
} finally {
  await node.kill9();
}

async function fill(): Promise<void> {
  const client = connect({ url: node.url, codec: msgpack });
  await client.request('POST', '/api/topics', { body: { name: TOPIC } });
  await client.ready();
  for (let n = 1; n <= messages; n += BATCH) {
    const count = Math.min(BATCH, messages - n + 1);
    const items = Array.from({ length: count }, (_none, at) => ({
      topic: TOPIC,
      payload: { n: n + at, order: 'A-1042', total: 99.5, currency: 'EUR' },
    }));
    await client.publishBatch(items);
  }
  await client.drain();
}

async function inNode(): Promise<string> {
  let before = process.cpuUsage();
  let cpuUs = 0;
  const figures = await readAll(
    { url: node.url, topic: TOPIC, messages, codec: msgpack },
    {
      began: () => {
        before = process.cpuUsage();
      },
      ended: () => {
        const { user, system } = process.cpuUsage(before);
        cpuUs = user + system;
      },
    },
  );
  return `Node ${process.version}, msgpack: ${figuresOf(figures, cpuUs)}`;
}

async function inBrowser(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [path.join(PACKAGE_FOLDER, 'test/support/clients/speed-load.ts')],
    bundle: true,
    format: 'iife',
    globalName: 'speed',
    target: 'es2022',
    write: false,
  });
  const browser = await startChromium();
  try {
    const { page } = await openPage(browser, { bypassCSP: true });
    await page.goto(`${node.url}/livez`);
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('Performance.enable', { timeDomain: 'threadTicks' });
    const cpuSeconds = async (): Promise<number> => {
      const { metrics } = await devtools.send('Performance.getMetrics');
      return metrics.find(({ name }) => name === 'TaskDuration')?.value ?? 0;
    };
    await page.evaluate(`${outputFiles[0]?.text}; globalThis.speed = speed; null`);
    const before = await cpuSeconds();
    const asked = JSON.stringify({ url: node.url, topic: TOPIC, messages });
    const nothing = '() => undefined';
    const figures = await page.evaluate<SpeedFigures>(
      `speed.readAll(${asked}, { began: ${nothing}, ended: ${nothing} })`,
    );
    const cpuUs = ((await cpuSeconds()) - before) * 1e6;
    return `Chromium ${browser.version()}, JSON: ${figuresOf(figures, cpuUs)}`;
  } finally {
    await browser.close();
  }
}

function figuresOf({ seconds, longTasksMs }: SpeedFigures, cpuUs: number): string {
  const perMessage = cpuUs / messages;
  const long = longTasksMs.map((ms) => ms.toFixed(0)).join(', ');
  return (
    `${messages} messages, ${perMessage.toFixed(2)} µs of CPU each ` +
    `(${Math.round(1e6 / perMessage)} a second of one core), ` +
    `${Math.round(messages / seconds)} a second here; ` +
    `tasks over 50 ms: ${long === '' ? 'none' : `${long} ms`}`
  );
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
