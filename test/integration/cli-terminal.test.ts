// Goal: what is for people at a terminal is there, and only there: the screen of top, progress; and the
// figures of bench are right. A terminal is made by `script` (util-linux).
import { spawn } from 'node:child_process';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { COMMAND, cleanEnvironment, startNode } from '../../native-bench/rig/node.js';
import { runCommand } from '../support/nodes/command.js';

const ESCAPE = '\u001b';
const SCREEN = `${ESCAPE}[?1049h`;
const BACK = `${ESCAPE}[?25h${ESCAPE}[?1049l`;
const WAIT_MS = 60_000;
const node = await startNode({});
t.teardown(() => node.kill9());
const env = { CONDUIT_URL: node.url };
const conduit = (...args: string[]) => runCommand(args, env);

interface Terminal {
  press: (keys: string) => void;
  screen: () => string;
  ended: Promise<number | null>;
}

/** Runs a line of a shell; $CONDUIT is the command. */
function atTerminal(line: string): Terminal {
  const CONDUIT = `${process.execPath} ${COMMAND}`;
  const child = spawn('script', ['-qec', line, '/dev/null'], {
    env: { ...cleanEnvironment(), ...env, CONDUIT, SHELL: '/bin/sh', TERM: 'xterm' },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  let screen = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    screen += text;
  });
  return {
    press: (keys) => child.stdin.write(keys),
    screen: () => screen,
    ended: new Promise((resolve) => child.once('close', resolve)),
  };
}

await conduit('topics', 'create', 'few');
await conduit('topics', 'create', 'many');
await runCommand(['pub', 'many'], env, { input: '1\n'.repeat(500) });
await conduit('pub', 'few', '1');
await conduit('sub', 'few', '--subscription', 's', '--from', 'earliest', '--count', '1');

t.test('top takes the screen, obeys keys, and gives the screen back', async (t) => {
  const top = atTerminal('$CONDUIT top');
  const shows = (text: string | RegExp) =>
    eventually(() => new RegExp(text).test(top.screen()), WAIT_MS);
  await shows('topics by PUBLISHED/S');
  await shows(/ 500 +many/);
  t.ok(top.screen().startsWith(SCREEN));
  top.press('s');
  await shows('subscriptions by LAG');
  await shows(/ few +s/);
  top.press('>');
  await shows('subscriptions by BACKLOG');
  top.press('r');
  await shows('by BACKLOG, reversed');
  top.press('c');
  await shows('sessions by LAG');
  top.press('n');
  await shows('nodes by ID');
  await shows(/live +\S+ +\d/);
  t.notMatch(top.screen(), BACK);
  top.press('q');
  t.equal(await top.ended, 0);
  t.ok(top.screen().endsWith(BACK));
});

t.test('Ctrl-C gives the screen back, too', async (t) => {
  const top = atTerminal('$CONDUIT top --view nodes');
  await eventually(() => /nodes by ID/.test(top.screen()), WAIT_MS);
  top.press('\u0003');
  t.equal(await top.ended, 0);
  t.ok(top.screen().endsWith(BACK));
});

t.test('top without a terminal is lines, or objects', async (t) => {
  const json = await conduit('top', '--json', '--count', '2');
  t.equal(json.code, 0, json.stderr);
  const looks = json.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.equal(looks.length, 2);
  t.match(looks[1], { view: 'topics', stats: { active_topics: 2 } });
  t.same(looks[1].rows.map(({ name }: { name: string }) => name).sort(), ['few', 'many']);
  const text = await conduit('top', '--view', 'subscriptions', '--count', '1');
  t.match(
    text.stdout,
    /^http.*published \d+\/s.*\nsubscriptions by LAG.*\nSETTLED\/S .*PAUSED\n.* few +s +0 /,
  );
  t.notMatch(text.stdout, ESCAPE);
  t.equal(
    (await runCommand(['top', '--count', '1'], { CONDUIT_URL: 'http://127.0.0.1:9' })).code,
    3,
  );
});

t.test('progress is shown at a terminal, and nowhere else', async (t) => {
  const shown = atTerminal('seq 1 20000 | $CONDUIT pub many');
  t.equal(await shown.ended, 0);
  t.match(shown.screen(), `\r${ESCAPE}[2K`);
  t.match(shown.screen(), /\d+ published \d+\/s/);
  t.match(shown.screen(), 'published 20000 to many');
  const input = '1\n'.repeat(20_000);
  t.match(await runCommand(['pub', 'many'], env, { input }), { code: 0, stderr: '' });
});

t.test('what cannot be undone is asked for at a terminal', async (t) => {
  const asked = atTerminal('$CONDUIT topics delete few');
  await eventually(() => /Type few to go on: /.test(asked.screen()), WAIT_MS);
  asked.press('few?\n');
  t.equal(await asked.ended, 1);
  t.equal((await conduit('topics', 'show', 'few')).code, 0);
  const again = atTerminal('$CONDUIT topics delete few');
  await eventually(() => /Type few to go on: /.test(again.screen()), WAIT_MS);
  again.press('few\n');
  t.equal(await again.ended, 0);
  t.equal((await conduit('topics', 'show', 'few')).code, 5);
});

t.test('bench counts what it published, and what each subscriber was given', async (t) => {
  const load = ['bench', '--load', 'client', '--seconds', '1', '--subscribers', '2', '--json'];
  const { code, stdout, stderr } = await conduit(...load);
  t.equal(code, 0, stderr);
  const figures = JSON.parse(stdout);
  t.ok(figures.published > 0);
  t.equal(figures.delivered, figures.published * 2);
  t.match(figures, { publishers: 1, subscribers: 2, publish_ms: { p50: Number, p99: Number } });
  const left = await conduit('topics', 'list', '--prefix', 'conduit-bench', '--json');
  t.equal(left.stdout, '', 'its topic is gone');
  const bare = await runCommand(['bench', '--load', 'native'], { ...env, PATH: '/nonexistent' });
  t.match(bare, { code: 2, stderr: /native needs g\+\+; --load client needs nothing/ });
});
