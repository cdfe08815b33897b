// Goal: `npm start` needs nothing installed; what was published is there after a restart and after a
// SIGKILL of the node, whose PostgreSQL the next start adopts.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { freePort } from '../../native-bench/rig/free-port.js';
import { startNode, type TestNode } from '../../native-bench/rig/node.js';
import { Publisher, request } from '../support/clients/publisher.js';
import { type Clone, makeClone } from '../support/nodes/clone.js';
import { runCommand } from '../support/nodes/command.js';

/** The screen of a start is for people. */
const PRETTY = { LOG_FORMAT: 'pretty' };

async function start(t: Test, clone: Clone): Promise<TestNode> {
  const starting = startNode(PRETTY, { command: 'start', program: clone.program, cwd: '/' });
  t.teardown(async () => (await starting).kill9());
  const node = await starting;
  // It is ready a moment before it says so.
  await eventually(() => node.output().includes('listens on'));
  return node;
}

async function sequences(node: TestNode): Promise<unknown[]> {
  const { body } = await request(`${node.url}/api/topics/orders/messages`, {});
  return (body['messages'] as { sequence: number }[]).map(({ sequence }) => sequence);
}

async function publish(node: TestNode): Promise<void> {
  const publisher = new Publisher(node.url);
  await request(`${node.url}/api/topics`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"name":"orders"}',
  });
  if ((await publisher.publish('orders')).outcome !== 'ok') throw new Error('not published');
  publisher.close();
}

function serverRuns(clone: Clone): boolean {
  return existsSync(path.join(clone.dataDir, 'postmaster.pid'));
}

t.test('the messages are there after a restart and after a SIGKILL', async (t) => {
  const clone = await makeClone();
  t.teardown(() => clone.remove());
  const first = await start(t, clone);
  await publish(first);
  t.match(first.output(), `durable: embedded PostgreSQL, started, data in ${clone.dataDir}`);
  t.equal(await first.stop(), 0);
  t.notOk(serverRuns(clone), 'it took its PostgreSQL with it');

  const second = await start(t, clone);
  t.same(await sequences(second), [1]);
  await publish(second);
  await second.kill9();
  t.ok(serverRuns(clone), 'its PostgreSQL outlives a killed node');

  const third = await start(t, clone);
  t.match(third.output(), /embedded PostgreSQL, found running/);
  t.same(await sequences(third), [1, 2]);
  t.equal(await third.stop(), 0);
  t.notOk(serverRuns(clone), 'the last node stops it');
});

t.test('two nodes of one clone share it, and the last one stops it', async (t) => {
  const clone = await makeClone();
  t.teardown(() => clone.remove());
  const [a, b] = await Promise.all([start(t, clone), start(t, clone)]);
  await publish(a);
  t.equal(await a.stop(), 0);
  t.same(await sequences(b), [1]);
  t.equal(await b.stop(), 0);
  t.notOk(serverRuns(clone));
});

t.test('a postmaster.pid that names another process is no server', async (t) => {
  const clone = await makeClone();
  t.teardown(() => clone.remove());
  const first = await start(t, clone);
  await publish(first);
  await first.kill9();
  const file = path.join(clone.dataDir, 'postmaster.pid');
  const lines = readFileSync(file, 'utf8').split('\n');
  // As after a crash of the machine: no server, and its number is somebody else's.
  process.kill(Number(lines[0]), 'SIGQUIT');
  await eventually(() => !existsSync(file));
  writeFileSync(file, [process.pid, ...lines.slice(1)].join('\n'));
  // And what a node wrote there may be rubbish, or lead elsewhere.
  const place = path.dirname(clone.dataDir);
  const victim = path.join(clone.folder, 'victim');
  mkdirSync(victim);
  rmSync(path.join(place, 'nodes'), { recursive: true });
  symlinkSync(victim, path.join(place, 'nodes'));
  writeFileSync(path.join(place, 'port'), 'rubbish');
  const second = await start(t, clone);
  t.same(await sequences(second), [1]);
  t.same(readdirSync(victim), []);
  t.match(readFileSync(path.join(place, 'port'), 'utf8'), /^\d+$/);
  t.equal(await second.stop(), 0);
});

t.test('data of another version, and a half-made data directory', async (t) => {
  const clone = await makeClone();
  t.teardown(() => clone.remove());
  const node = await start(t, clone);
  t.equal(await node.stop(), 0);
  t.same(
    readdirSync(path.dirname(clone.dataDir)).filter((name) => name.includes('.part-')),
    [],
    'initdb left nothing',
  );
  writeFileSync(path.join(clone.dataDir, 'PG_VERSION'), '13\n');
  const env = { HOST: '127.0.0.1', PORT: String(await freePort()) };
  const result = await runCommand(['start'], env, { program: clone.program });
  t.equal(result.code, 78);
  t.match(result.stderr, /^conduit: .*is of PostgreSQL 13, the embedded one is 18.*\n$/);
});
