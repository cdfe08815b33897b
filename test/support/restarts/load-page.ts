/** The load in a page of a real browser, of the origin of its node, whichever runs there. */
import path from 'node:path';
import { build } from 'esbuild';
import { PACKAGE_FOLDER } from '../../../native-bench/rig/node.js';
import { type Chromium, openPage } from '../browser/chromium.js';
import type { LoadFacts, RestartLoad } from './restart-load.js';

/** What runs a load, wherever that is. */
export interface LoadPlace {
  start(): Promise<void>;
  progress(): Promise<Record<string, number>>;
  /** Every subscription has been given so many messages, each counted once. */
  sawAll(rows: number): Promise<boolean>;
  stopPublishing(): Promise<void>;
  /** As it is now, without an end. */
  facts(): Promise<LoadFacts>;
  close(): Promise<void>;
}

/** Chromium has each WebSocket wait for seconds after some that failed in a row: not many are to fail. */
const RECONNECT = { minDelayMs: 100, maxDelayMs: 2_000 };
/** Of the source: a page takes no module of Node. */
const SOURCE = path.join(PACKAGE_FOLDER, 'test/support/restarts/restart-load.ts');

export async function openLoadPage(
  browser: Chromium,
  url: string,
  topic: string,
): Promise<LoadPlace> {
  const { outputFiles } = await build({
    entryPoints: [SOURCE],
    bundle: true,
    format: 'iife',
    globalName: 'restarts',
    target: 'es2022',
    write: false,
  });
  // The node's own answer, without its policy: a page that a test made up may not reach this machine.
  const { page, errors } = await openPage(browser, { bypassCSP: true });
  await page.goto(`${url}/livez`);
  const made = `globalThis.load = new restarts.RestartLoad(${JSON.stringify({ url, topic, ...RECONNECT })})`;
  await page.evaluate(`${outputFiles[0]?.text}\n;${made}; null`);
  const ask = <T>(expression: string): Promise<T> => page.evaluate(expression);
  return {
    start: () => ask('load.start()'),
    progress: () => ask<ReturnType<RestartLoad['progress']>>('load.progress()'),
    sawAll: (rows) => ask<boolean>(`load.sawAll(${rows})`),
    stopPublishing: () => ask('load.stopPublishing()'),
    facts: async () => {
      const facts = await ask<LoadFacts>('load.facts');
      // A connection that is refused is one line of the console each; what was thrown is a fault.
      const thrown = errors.filter(
        (text) => !/Failed to load resource|WebSocket connection/.test(text),
      );
      for (const text of thrown) facts.errors[`page: ${text}`] = 1;
      return facts;
    },
    close: async () => {
      await ask('load.close()');
      await page.context().close();
    },
  };
}
