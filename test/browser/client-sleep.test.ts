// Goal: a tab that sleeps for an hour goes on when it wakes, with all its timers late at once: over the
// connection that is still there, or over another where it is not. Nothing is missed, or given twice.
import path from 'node:path';
import { build } from 'esbuild';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { PACKAGE_FOLDER, startNode } from '../../native-bench/rig/node.js';
import { connect } from '../../src/client/client.js';
import { openPage, startChromium } from '../support/browser/chromium.js';
import { startCutProxy } from '../support/servers/cut-proxy.js';

/** The client waits 10 s for an answer, and looks a few times a second. */
const GIVEN_UP_MS = 15_000;

const browser = await startChromium();
t.teardown(() => browser.close());
const node = await startNode({});
t.teardown(() => node.kill9());
const proxy = await startCutProxy(node.port);
t.teardown(() => proxy.close());
const { outputFiles } = await build({
  entryPoints: [path.join(PACKAGE_FOLDER, 'src/client/client.ts')],
  bundle: true,
  format: 'iife',
  globalName: 'conduit',
  target: 'es2022',
  write: false,
});

t.test('a tab that sleeps for an hour, with a connection and without', async (t) => {
  const { page, errors } = await openPage(browser, { bypassCSP: true });
  const url = `http://127.0.0.1:${proxy.port}`;
  await page.clock.install();
  await page.goto(`${url}/livez`);
  await page.evaluate(`${outputFiles[0]?.text}
    globalThis.seen = [];
    globalThis.told = [];
    globalThis.client = conduit.connect(${JSON.stringify(url)});
    client.on('state', ({ to }) => told.push(to));
    client.on('error', ({ code }) => told.push(code));
    client.subscribe('a', { onMessage: ({ payload }) => void seen.push(payload) }).ready();`);
  const seen = (): Promise<number[]> => page.evaluate('seen');
  const told = (): Promise<string[]> => page.evaluate('told');
  const service = connect({ url: node.url });
  t.teardown(() => service.close());
  await service.ready();
  const publish = (n: number) => service.publish('a', n);

  await publish(1);
  await eventually(async () => (await seen()).length === 1);
  await page.clock.fastForward('01:00:00');
  await publish(2);
  await eventually(async () => (await seen()).length === 2);
  await page.clock.runFor(GIVEN_UP_MS);
  t.same(await told(), ['open'], 'a connection that answers is kept');

  t.ok(proxy.mute(/./) > 0, 'from now on nobody answers, and nothing ends');
  await page.evaluate(`globalThis.published = client.publish('a', 0).then(
    () => 'stored', ({ code }) => code)`);
  await publish(3);
  await page.clock.fastForward('01:00:00');
  // In steps, as time goes: what is waited for comes in between.
  await eventually(async () => {
    await page.clock.runFor(1_000);
    return (await seen()).length === 3;
  }, 60_000);
  t.same(await told(), ['open', 'reconnecting', 'open']);
  t.equal(await page.evaluate('published'), 'outcome_unknown');
  await publish(4);
  await eventually(async () => (await seen()).length === 4);
  t.same(await seen(), [1, 2, 3, 4]);
  // The page has no icon.
  t.same(
    errors.filter((text) => !text.includes('Failed to load resource')),
    [],
  );
});
