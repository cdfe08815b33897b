/**
 * `npm run package-test -- [FOLDER]`: both packages as npm would publish them (or those that lie in FOLDER):
 * linted, and the broker's installed from its tarball into an empty folder, started by `npx conduit start`,
 * used by the client's package, stopped, installed anew by `npm ci`: what was published is there. As root it
 * is done once as root and once as the user nobody. The last line says that it passed.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PACKAGE_FOLDER } from '../native-bench/rig/node.js';
import { lintPackage } from './support/documents/package-lint.js';
import { runClientScript } from './support/documents/quick-start.js';
import { type Account, Newcomer } from './support/nodes/newcomer.js';

const NOBODY: Account = { uid: 65_534, gid: 65_534 };
/** Of the README's script. */
const PRINTED = /sequence: 1,[\s\S]*\n1 42\n$/;

const made = mkdtempSync(path.join(tmpdir(), 'conduit-packages-'));
try {
  const tarballs = collect(process.argv[2]);
  for (const tarball of tarballs) {
    const found = await lintPackage(path.join(made, tarball));
    if (found.length > 0) throw new Error(`${tarball}\n${found.join('\n')}`);
    say(`${tarball}: publint and attw find nothing`);
  }
  await use(tarballs);
  if (process.getuid?.() === 0) await use(tarballs, NOBODY);
  say('the packages: passed');
} finally {
  rmSync(made, { recursive: true, force: true });
}

/** Names of the two tarballs, copied to where any account may read them. */
function collect(folder: string | undefined): string[] {
  chmodSync(made, 0o755);
  const pack = (...args: string[]): void => {
    const all = ['pack', '--silent', '--pack-destination', made, ...args];
    execFileSync('npm', all, { cwd: PACKAGE_FOLDER, stdio: ['ignore', 'ignore', 'inherit'] });
  };
  if (folder === undefined) {
    // It makes the client, too.
    pack();
    pack('./dist/client');
  } else {
    for (const name of readdirSync(folder).filter((file) => file.endsWith('.tgz'))) {
      copyFileSync(path.join(folder, name), path.join(made, name));
    }
  }
  const names = readdirSync(made).sort();
  if (names.length !== 2) throw new Error(`not two packages: ${names.join(', ')}`);
  for (const name of names) chmodSync(path.join(made, name), 0o644);
  return names;
}

async function use(tarballs: readonly string[], account?: Account): Promise<void> {
  const user = new Newcomer(account);
  try {
    await user.useRegistry();
    await goThrough(user, tarballs);
    say(`${account === undefined ? 'this user' : 'nobody'}: installed, used, and installed anew`);
  } finally {
    user.leave();
  }
}

async function goThrough(user: Newcomer, tarballs: readonly string[]): Promise<void> {
  const folder = path.join(user.home, 'empty');
  await user.run(`mkdir ${folder}`, user.home);
  await user.run('npm init -y', folder);
  const files = tarballs.map((name) => path.join(made, name)).join(' ');
  await user.run(`npm install --no-audit --no-fund ws@8 ${files}`, folder);
  await user.run('npm ls --all', folder);

  const first = await user.start('npx conduit start', folder);
  const asked = { folder, client: 'conduit-broker-client' };
  const printed = await runClientScript(first.url, asked);
  if (!PRINTED.test(printed)) throw new Error(`the client printed ${printed}`);
  // As Ctrl-C does: npx itself passes SIGTERM to nobody.
  await first.end('SIGINT');
  if (existsSync(path.join(folder, 'node_modules/conduit-broker/.conduit')))
    throw new Error('its data lie where npm deletes them');

  await user.run('npm ci --no-audit --no-fund', folder);
  const second = await user.start('exec node_modules/.bin/conduit start', folder);
  const answer = await fetch(`${second.url}/api/topics/orders/messages`);
  const { messages = [] } = (await answer.json()) as { messages?: { payload: unknown }[] };
  const kept = JSON.stringify(messages.map(({ payload }) => payload));
  if (kept !== '[{"id":42}]') throw new Error(`after npm ci there is ${kept}`);
  const code = await second.end('SIGTERM');
  if (code !== 0) throw new Error(`SIGTERM: it ended with ${code}`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
