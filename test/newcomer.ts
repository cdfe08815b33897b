/**
 * `npm run newcomer -- [--whole]`: what somebody does who has read the README: a clone in a new folder, its
 * two commands, its quick start, its script. All of it is taken from the README; only the port is another
 * one, the client's package is packed rather than fetched, and the suite is the unit tests unless it is to
 * be whole. What is not committed is not in the clone. The last line says how long it took.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { PACKAGE_FOLDER } from '../native-bench/rig/node.js';
import { sectionOf } from './support/documents/guide.js';
import { runClientScript, takeQuickStart } from './support/documents/quick-start.js';
import { Newcomer } from './support/nodes/newcomer.js';

const INSTALL = /`(npm install conduit-broker-client ws)`/;
/** Of the README's script. */
const PRINTED = /sequence: 1,[\s\S]*\n1 42\n$/;

const begun = performance.now();
const user = new Newcomer();
try {
  await user.useRegistry();
  const clone = path.join(user.home, 'conduit');
  execFileSync('git', ['clone', '--quiet', PACKAGE_FOLDER, clone]);
  await goThrough(clone);
  say('the newcomer: passed');
} finally {
  user.leave();
}

async function goThrough(clone: string): Promise<void> {
  const [start = '', test = ''] = sectionOf('README.md', 'Conduit')[0]?.body.split('\n') ?? [];
  if (!start.endsWith('npm start') || !test.endsWith('npm test'))
    throw new Error(`the README begins otherwise: ${start}; ${test}`);
  const node = await user.start(start, clone);
  say(`${start}: a node answers`);
  for (const { what, shown, came } of await takeQuickStart(node.url, `cd ${clone}; npx conduit`)) {
    const as = JSON.stringify(came);
    if (as !== JSON.stringify(shown)) throw new Error(`${what}: ${as} is not what is shown`);
    say(`${what}: as shown`);
  }
  await writeClient(clone, node.url);
  await node.end('SIGINT');
  if (!process.argv.includes('--whole')) user.env['CONDUIT_TEST_ONLY'] = 'unit/';
  const said = await user.run(test, clone);
  say(`${test}: ${said.trimEnd().split('\n').at(-1)}`);
}

/** In a folder of its own, with what the README has installed there. */
async function writeClient(clone: string, url: string): Promise<void> {
  const install = INSTALL.exec(readFileSync(path.join(clone, 'README.md'), 'utf8'))?.[1];
  if (install === undefined) throw new Error('the README does not install the client');
  const folder = path.join(user.home, 'client');
  mkdirSync(folder);
  await user.run('npm run client-package', clone);
  await user.run(`npm pack ${clone}/dist/client`, folder);
  await user.run(install.replace('conduit-broker-client', './conduit-broker-client-*.tgz'), folder);
  const printed = await runClientScript(url, { folder, client: 'conduit-broker-client' });
  if (!PRINTED.test(printed)) throw new Error(`the client printed ${printed}`);
  say(`${install}, and the script: as shown`);
}

function say(line: string): void {
  const seconds = ((performance.now() - begun) / 1_000).toFixed(0).padStart(4);
  process.stdout.write(`${seconds} s  ${line}\n`);
}
