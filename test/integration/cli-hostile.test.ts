// Goal: what strangers wrote (topics, keys, reasons, payloads, names of clients, words of an error) moves no
// cursor and sets no title of whoever looks at it; and what a command made and cannot delete is told.
import { spawn } from 'node:child_process';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { COMMAND, cleanEnvironment, startNode } from '../../native-bench/rig/node.js';
import { runCommand } from '../support/nodes/command.js';
import { startCutProxy } from '../support/servers/cut-proxy.js';
import { startLyingNode } from '../support/servers/lying-node.js';

/** A title, a cleared screen, C1's control sequence, a bell, an override of direction, a line. */
const NASTY = 'a\u001b]0;owned\u0007\u001b[2Jb\u009b31m\u202ec\u007f\r\nd\u2028e';
/** What of it a terminal must never be given; top's own sequences are others. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is about them.
const RAW = /\u001b\]0|\u0007|\u001b\[2J|[\u007f-\u009f\u202a-\u202e\u2028\u2029]/;

const ROW = {
  ...{ id: NASTY, name: NASTY, topic: NASTY, tenant: NASTY, key: NASTY, reason: NASTY },
  ...{ client: NASTY, version: NASTY, address: NASTY, state: NASTY, format: NASTY },
  ...{ sequence: 1, lag: 2, payload: { [NASTY]: NASTY }, headers: { [NASTY]: NASTY } },
  ...{ subscriptions: [{ topic: NASTY }], subscription: NASTY, [NASTY]: { [NASTY]: NASTY } },
};
const LISTS = ['topics', 'subscriptions', 'sessions', 'nodes', 'dead_letters', 'messages'];

const liar = await startLyingNode(t, {
  socket: () => undefined,
  http: (response, { url = '', headers }) => {
    response.setHeader('content-type', 'application/json');
    if (url.includes('refused')) {
      response.writeHead(409).end(JSON.stringify({ code: 'busy', title: NASTY, detail: NASTY }));
    } else if (headers.accept === 'application/x-ndjson') {
      // As JSON has them: those that it lets stand raw.
      response.end(`${JSON.stringify(ROW)}\n${JSON.stringify(ROW)}\n`);
    } else {
      const lists = Object.fromEntries(LISTS.map((name) => [name, [ROW]]));
      response.end(JSON.stringify({ ...ROW, ...lists, total_messages: NASTY }));
    }
  },
});
const env = { CONDUIT_URL: liar.url };

const LINES = [
  ...['topics list', 'topics show x', 'subscriptions list', 'subscriptions show x y'],
  ...['sessions list', 'nodes list', 'dlq list', 'dlq show 1', 'messages list x'],
  ...['messages show x', 'topics show refused', 'dlq job refused'],
];

for (const line of LINES) {
  t.test(line, async (t) => {
    const { stdout, stderr } = await runCommand(line.split(' '), env);
    t.match(`${stdout}${stderr}`, 'owned', 'it is shown');
    t.notMatch(stdout, RAW);
    t.notMatch(stderr, RAW);
  });
}

for (const [line, shows] of [
  ['top --view topics', 'topics by'],
  ['top --view subscriptions', 'subscriptions by'],
  ['top --view sessions', 'sessions by'],
  ['top --view nodes', 'nodes by'],
  ['dlq export', 'owned'],
] as const) {
  t.test(`at a terminal: ${line}`, async (t) => {
    const child = spawn('script', ['-qec', `${process.execPath} ${COMMAND} ${line}`, '/dev/null'], {
      env: { ...cleanEnvironment(), ...env, SHELL: '/bin/sh', TERM: 'xterm' },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    t.teardown(() => child.kill('SIGKILL'));
    let screen = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      screen += text;
    });
    const ended = new Promise((resolve) => child.once('close', resolve));
    await eventually(() => screen.includes(shows) && screen.includes('owned'), 60_000);
    if (line !== 'dlq export') child.stdin.write('q');
    t.equal(await ended, 0);
    t.notMatch(screen, RAW);
  });
}

t.test('a topic that doctor or bench cannot delete is told', async (t) => {
  const node = await startNode({});
  t.teardown(() => node.kill9());
  const proxy = await startCutProxy(node.port);
  t.teardown(() => proxy.close());
  proxy.fromClient = (chunk) => (chunk.toString('latin1').startsWith('DELETE ') ? 'cut' : 'pass');
  const through = { CONDUIT_URL: `http://127.0.0.1:${proxy.port}` };
  const doctor = await runCommand(['doctor', '--json'], through);
  const checks = doctor.stdout
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text));
  const [left] = checks.filter(({ check }: { check: string }) => check === 'topic');
  t.match(left, { state: 'warning', detail: /conduit-doctor\.\S+ may be left over/ });
  t.match(left.advice, /conduit topics delete conduit-doctor\.\S+ --yes/);
  const bench = await runCommand(['bench', '--load', 'client', '--seconds', '1'], through);
  t.equal(bench.code, 0);
  t.match(bench.stderr, /the topic conduit-bench\.\S+ may be left over: /);
  const direct = { CONDUIT_URL: node.url };
  const listed = await runCommand(['topics', 'list', '--json'], direct);
  t.equal(listed.stdout.trim().split('\n').length, 2, 'both are');
  const [name = ''] = /conduit-doctor\.[\w-]+/.exec(String(left.advice)) ?? [];
  t.equal((await runCommand(['topics', 'delete', name, '--yes'], direct)).code, 0);
});
