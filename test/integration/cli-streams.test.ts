// Goal: commands that stream end in order, whoever ends them, and go on when the node was away: nothing that
// was published or shown is lost, and what is acknowledged is what was written.
import { type ChildProcess, spawn } from 'node:child_process';
import http, { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { COMMAND, cleanEnvironment, startNode } from '../../native-bench/rig/node.js';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { LIMITS } from '../../src/core/limits.js';
import { runCommand } from '../support/nodes/command.js';

const WAIT_MS = 60_000;
const postgres = await startPostgres();
t.teardown(() => postgres.stop());
const settings = { DATABASE_URL: postgres.url };
let node = await startNode(settings);
t.teardown(() => node.kill9());
const env = { CONDUIT_URL: node.url };

/** At the same address. */
async function again(): Promise<void> {
  node = await startNode({ ...settings, PORT: String(node.port) });
}

interface Running {
  child: ChildProcess;
  stdout: () => string;
  stderr: () => string;
  lines: () => string[];
  ended: Promise<number | null>;
}

function begin(...args: string[]): Running {
  const child = spawn(process.execPath, [COMMAND, ...args], {
    env: { ...cleanEnvironment(), ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    said.stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said.stderr += text;
  });
  child.stdin?.on('error', () => undefined);
  t.teardown(() => child.kill('SIGKILL'));
  return {
    child,
    stdout: () => said.stdout,
    stderr: () => said.stderr,
    lines: () => said.stdout.split('\n').filter((line) => line !== ''),
    ended: new Promise((resolve) => child.once('close', resolve)),
  };
}

async function conduit(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await runCommand([...args, '--json'], env);
  if (code !== 0) throw new Error(`conduit ${args.join(' ')}: ${stderr}`);
  return JSON.parse(stdout) as Record<string, unknown>;
}

const lagOf = async (topic: string): Promise<unknown> =>
  (await conduit('subscriptions', 'show', topic, 's'))['lag'];

t.test('sub acknowledges what it wrote, and no more; tail nothing', async (t) => {
  await conduit('topics', 'create', 'seen');
  await runCommand(['pub', 'seen'], env, { input: '1\n12345678901234567890\n{"a":3}\n4\n' });
  const from = ['--from', 'earliest'];
  const tail = await runCommand(['tail', 'seen', ...from, '--count', '4', '--payload'], env);
  t.match(tail, { code: 0, stdout: '1\n12345678901234567890\n{"a":3}\n4\n', stderr: '' });
  const sub = ['sub', 'seen', '--subscription', 's'];
  const first = await runCommand([...sub, ...from, '--count', '3', '--json'], env);
  t.equal(first.code, 0, first.stderr);
  t.match(first.stdout, '"payload":12345678901234567890}');
  t.match(JSON.parse(first.stdout.split('\n')[0] ?? ''), {
    ...{ message_id: /./, topic: 'seen', sequence: 1, attempt: 1, payload: 1 },
    published_at: /Z$/,
  });
  t.equal(await lagOf('seen'), 1);
  t.match(await runCommand([...sub, '--count', '1'], env), { code: 0, stdout: 'seen 4 4\n' });
  await eventually(async () => (await lagOf('seen')) === 0, WAIT_MS);
});

t.test('Ctrl-C ends a stream in order', async (t) => {
  await conduit('topics', 'create', 'ended');
  for (const args of [
    ['sub', 'ended'],
    ['tail', 'ended'],
  ]) {
    const stream = begin(...args);
    await eventually(
      async () => (await conduit('topics', 'show', 'ended'))['subscriber_count'] === 1,
      WAIT_MS,
    );
    await conduit('pub', 'ended', '1');
    await eventually(() => stream.lines().length === 1, WAIT_MS);
    stream.child.kill('SIGINT');
    t.equal(await stream.ended, 0, `${args[0]}: ${stream.stderr()}`);
    t.equal(stream.stderr(), '');
    await eventually(
      async () => (await conduit('topics', 'show', 'ended'))['subscriber_count'] === 0,
      WAIT_MS,
    );
  }
  const pub = begin('pub', 'ended', '--json');
  pub.child.stdin?.write('1\n');
  await eventually(() => pub.lines().length === 1, WAIT_MS);
  pub.child.kill('SIGINT');
  t.equal(await pub.ended, 130, 'its input was not at its end');
});

t.test('a reader that goes away ends it without a word', async (t) => {
  await conduit('topics', 'create', 'left');
  await runCommand(['pub', 'left'], env, { input: '1\n'.repeat(5_000) });
  const from = ['left', '--from', 'earliest'];
  for (const args of [
    ['sub', ...from],
    ['tail', ...from],
    ['messages', 'list', 'left', '--limit', '5000'],
  ]) {
    const stream = begin(...args);
    stream.child.stdout?.once('data', () => stream.child.stdout?.destroy());
    t.equal(await stream.ended, 0, args.join(' '));
    t.equal(stream.stderr(), '');
  }
});

t.test('a node that was killed is waited for; nothing is lost or doubled', async (t) => {
  await conduit('topics', 'create', 'away');
  const sub = begin('sub', 'away', '--subscription', 's', '--payload');
  const tail = begin('tail', 'away', '--payload');
  const open = async () => (await conduit('topics', 'show', 'away'))['subscriber_count'] === 2;
  await eventually(open, WAIT_MS);
  const pub = begin('pub', 'away');
  pub.child.stdin?.write('1\n2\n3\n');
  await eventually(() => sub.lines().length === 3 && tail.lines().length === 3, WAIT_MS);
  await node.kill9();
  pub.child.stdin?.write('4\n5\n');
  await eventually(
    () => /trying again/.test(tail.stderr()) && /disconnected/.test(sub.stderr()),
    WAIT_MS,
  );
  await again();
  pub.child.stdin?.end('6\n');
  t.equal(await pub.ended, 0, pub.stderr());
  t.match(pub.stdout(), 'published 6 to away');
  await eventually(() => sub.lines().includes('6') && tail.lines().includes('6'), WAIT_MS);
  t.same([...new Set(sub.lines())], ['1', '2', '3', '4', '5', '6']);
  t.same(tail.lines(), ['1', '2', '3', '4', '5', '6']);
  const stored = await runCommand(['messages', 'list', 'away', '--json'], env);
  t.equal(stored.stdout.trim().split('\n').length, 6, 'what was tried again is stored once');
  for (const { child, ended } of [sub, tail]) {
    child.kill('SIGINT');
    t.equal(await ended, 0);
  }
});

/** Hands on to the node; of the first batch it swallows the answer. */
async function forgetfulProxy(): Promise<{ url: string; swallowed: () => number }> {
  let swallowed = 0;
  const proxy = createServer((request, response) => {
    const { method = 'GET', headers } = request;
    const asked = http.request(`${node.url}${request.url}`, { method, headers }, (answer) => {
      const isFirst = request.url === '/api/publish/batch' && swallowed++ === 0;
      if (isFirst) answer.resume().once('end', () => request.socket.destroy());
      else answer.pipe(response.writeHead(answer.statusCode ?? 500, answer.headers));
    });
    request.pipe(asked);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  t.teardown(() => proxy.close());
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    swallowed: () => swallowed,
  };
}

t.test('lines whose answer was lost are stored once', async (t) => {
  await conduit('topics', 'create', 'once');
  const proxy = await forgetfulProxy();
  const input = '1\n2\n3\n';
  const told = await runCommand(['pub', 'once', '--url', proxy.url], env, { input });
  t.match(told, { code: 0, stdout: 'published 3 to once\n' });
  t.equal(proxy.swallowed(), 2);
  t.equal((await conduit('topics', 'show', 'once'))['message_count'], 3);
});

t.test('a second Ctrl-C waits for nothing', async (t) => {
  await conduit('topics', 'create', 'frozen');
  const sub = begin('sub', 'frozen', '--subscription', 's');
  const open = async () => (await conduit('topics', 'show', 'frozen'))['subscriber_count'] === 1;
  await eventually(open, WAIT_MS);
  await conduit('pub', 'frozen', '1');
  await eventually(() => sub.lines().length === 1, WAIT_MS);
  const pub = begin('pub', 'frozen', '--json');
  pub.child.stdin?.write('2\n');
  // It has its handlers of signals by then.
  await eventually(() => pub.lines().length === 1, WAIT_MS);
  process.kill(node.pid, 'SIGSTOP');
  pub.child.stdin?.write('3\n');
  // Until they have begun to end, and no more: two signals that wait are one.
  const again = setInterval(() => pub.child.kill('SIGINT'), 500);
  t.equal(await pub.ended, 130);
  clearInterval(again);
  process.kill(node.pid, 'SIGCONT');
  sub.child.kill('SIGINT');
  t.equal(await sub.ended, 0);
});

t.test('an input without an end is not kept', async (t) => {
  await conduit('topics', 'create', 'long');
  const pub = begin('pub', 'long');
  const piece = Buffer.alloc(256 * 1_024, 'x');
  let given = 0;
  const feed = (): void => {
    while (pub.child.stdin?.writable === true && pub.child.stdin.write(piece))
      given += piece.length;
    given += piece.length;
    pub.child.stdin?.once('drain', feed);
  };
  feed();
  t.equal(await pub.ended, 2);
  t.match(pub.stderr(), /line 1 of the input is longer than/);
  t.ok(given < LIMITS.payloadBytesMax.max * 2 + 16 * 1_024 * 1_024);
});

t.test('what is not there, and who may not', async (t) => {
  t.match(await runCommand(['tail', 'no.such'], env), { code: 5 });
  const none = { CONDUIT_URL: 'http://127.0.0.1:9' };
  t.match(await runCommand(['tail', 'seen'], none), { code: 3 });
  t.match(await runCommand(['sub', 'seen'], none), { code: 3 });
  const deleted = begin('tail', 'left');
  await eventually(
    async () => (await conduit('topics', 'show', 'left'))['subscriber_count'] === 1,
    WAIT_MS,
  );
  await conduit('topics', 'delete', 'left', '--yes');
  t.equal(await deleted.ended, 5);
  t.match(deleted.stderr(), /ended by the node \(topic_deleted\)/);
});
