// Goal: the log of an installed package outlives `npm ci`, which deletes node_modules.
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { freePort } from '../../native-bench/rig/free-port.js';
import { PACKAGE_FOLDER, startNode } from '../../native-bench/rig/node.js';
import { Publisher, request } from '../support/clients/publisher.js';
import { runCommand } from '../support/nodes/command.js';

const app = mkdtempSync(path.join(tmpdir(), 'conduit-app-'));
chmodSync(app, 0o755);
t.teardown(() => rmSync(app, { recursive: true, force: true }));
const installed = path.join(app, 'node_modules', 'conduit');
const program = path.join(installed, 'dist/src/cli/conduit.js');

function install(): void {
  rmSync(path.join(app, 'node_modules'), { recursive: true, force: true });
  for (const part of ['dist/src', 'sql', 'package.json']) {
    cpSync(path.join(PACKAGE_FOLDER, part), path.join(installed, part), { recursive: true });
  }
  symlinkSync(path.join(PACKAGE_FOLDER, 'node_modules'), path.join(installed, 'node_modules'));
}

t.test('an installed package keeps its log outside of node_modules', async (t) => {
  install();
  const first = await startNode({ LOG_FORMAT: 'pretty' }, { command: 'start', program, cwd: app });
  t.teardown(() => first.kill9());
  await eventually(() => first.output().includes('listens on'));
  t.match(first.output(), `data in ${app}/.conduit/data`);
  const publisher = new Publisher(first.url);
  const headers = { 'content-type': 'application/json' };
  await request(`${first.url}/api/topics`, { method: 'POST', headers, body: '{"name":"kept"}' });
  t.match(await publisher.publish('kept'), { outcome: 'ok' });
  publisher.close();
  t.equal(await first.stop(), 0);
  install();

  const refused = async (cwd: string, env: Record<string, string> = {}): Promise<string> => {
    const all = { HOST: '127.0.0.1', PORT: String(await freePort()), ...env };
    const { code, stderr } = await runCommand(['start'], all, { program, cwd });
    t.equal(code, 78);
    return stderr;
  };
  mkdirSync(path.join(app, 'src'));
  t.match(await refused(path.join(app, 'src')), `there is a log in ${app}/.conduit, and none in`);
  t.match(await refused(app, { CONDUIT_DATA_DIR: app }), /has other things in it \([.\w]+\)/);
  // As an older version had it.
  const old = path.join(installed, '.conduit');
  renameSync(path.join(app, '.conduit'), old);
  t.match(
    await refused(app),
    `there is a log in ${old}, and none in ${app}/.conduit: move it there`,
  );

  const env = { CONDUIT_DATA_DIR: old };
  const second = await startNode(env, { command: 'start', program, cwd: app });
  t.teardown(() => second.kill9());
  const { body } = await request(`${second.url}/api/topics/kept`, {});
  t.equal(body['sequence'], 1);
  t.equal(await second.stop(), 0);
});
