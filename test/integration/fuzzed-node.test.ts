// Goal: a node that is sent what the fuzzer makes, over its sockets: it lives, it refuses with known codes,
// each with its status, it never says that it is at fault, and nothing is stored but what it said is.

import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import WebSocket from 'ws';
import { startNode } from '../../native-bench/rig/node.js';
import { ERRORS, type ErrorCode } from '../../src/core/errors.js';
import { DEFAULT_LIMITS } from '../../src/core/limits.js';
import { decodeJsonFrames, decodeMsgpackFrames } from '../../src/wire/client-frame.js';
import { request } from '../support/clients/publisher.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { PARSERS } from '../support/fuzz/fuzz-parsers.js';
import { FuzzInputs } from '../support/fuzz/fuzz-run.js';
import { ADMIN_KEY, startKeyedNode } from '../support/nodes/keyed-node.js';

const SEED = 20_261_127;
const REQUESTS = 3_000;
const MESSAGES = 2_000;
const AT_ONCE = 16;

function inputsOf(name: string): FuzzInputs {
  const parser = PARSERS[name]?.();
  if (parser === undefined) throw new Error(`there is no parser ${name}`);
  t.teardown(() => parser.close?.());
  return new FuzzInputs(parser, SEED);
}

interface Told {
  status: number;
  text: string;
}

const agent = new http.Agent({ keepAlive: true, maxSockets: AT_ONCE });
t.teardown(() => agent.destroy());

function post(url: string, type: string, body: Buffer): Promise<Told> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': type, 'content-length': body.length };
    const sent = http.request(url, { method: 'POST', agent, headers }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Runs `act` for 0 to `count` - 1, a few at a time. */
async function each(count: number, act: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let n = next++; n < count; n = next++) await act(n);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}

function isKnown(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(ERRORS, code) && code !== 'internal';
}

async function storedOn(url: string): Promise<number> {
  return Number((await request(`${url}/api/stats`, {})).body['total_messages']);
}

const node = await startNode({ WORKERS: '2', LOG_LEVEL: 'info' });
t.teardown(() => node.kill9());
for (const topic of ['a', 'a.b', 'A_b:c-d']) {
  await post(`${node.url}/api/topics`, 'application/json', Buffer.from(`{"name":"${topic}"}`));
}

for (const [name, type] of [
  ['publish, JSON', 'application/json'],
  ['publish, msgpack', 'application/msgpack'],
] as const) {
  t.test(`${name}: what is not said to be stored is not`, async (t) => {
    const inputs = inputsOf(name);
    const before = await storedOn(node.url);
    const counts = { stored: 0, repeated: 0, deferred: 0, refused: 0 };
    const wrong: string[] = [];
    await each(REQUESTS, async (n) => {
      const body = inputs.input(n);
      const { status, text } = await post(`${node.url}/api/publish`, type, body);
      if (status === 200) counts[text.includes('duplicate') ? 'repeated' : 'stored']++;
      else if (status === 202) counts.deferred++;
      else {
        counts.refused++;
        const { code } = JSON.parse(text) as { code: unknown };
        if (!isKnown(code) || ERRORS[code].status !== status) wrong.push(`${n}: ${status} ${text}`);
      }
    });
    t.same(wrong, []);
    t.ok(counts.stored > REQUESTS / 200 && counts.refused > REQUESTS / 4, JSON.stringify(counts));
    // What was deferred for a moment, or to a time that has passed, comes after it.
    const stored = await settled(() => storedOn(node.url));
    t.ok(stored - before >= counts.stored, `${stored - before} of ${JSON.stringify(counts)}`);
    t.ok(stored - before <= counts.stored + counts.deferred, JSON.stringify(counts));
  });
}

/** A count that has stood still for a second. */
async function settled(count: () => Promise<number>): Promise<number> {
  for (let before = -1; ; ) {
    const now = await count();
    if (now === before) return now;
    before = now;
    await delay(1_500);
  }
}

/** How many publishes a message holds that may be stored. */
function publishesIn(input: Buffer, format: 'json' | 'msgpack'): number {
  let count = 0;
  const sink = {
    ...{
      limits: DEFAULT_LIMITS,
      wantsMore: true,
      bad: () => undefined,
      tooManyBad: () => undefined,
    },
    frame: ({ type }: { type: string }) => {
      if (type === 'publish') count++;
    },
  };
  if (format === 'json') decodeJsonFrames(input, sink, 'joined');
  else decodeMsgpackFrames(input, sink);
  return count;
}

for (const [name, format] of [
  ['WebSocket, JSON', 'json'],
  ['WebSocket, msgpack', 'msgpack'],
] as const) {
  t.test(`${name}: sessions are answered, or closed with a reason`, async (t) => {
    const inputs = inputsOf(name);
    const before = await storedOn(node.url);
    const wrong: string[] = [];
    const counts = { errors: 0, closed: 0, published: 0, maybe: 0 };
    let session = await Subscriber.open(node.wsUrl, format);
    for (let n = 0; n < MESSAGES; n++) {
      const input = inputs.input(n);
      counts.maybe += publishesIn(input, format);
      session.socket.send(input, { binary: format === 'msgpack' });
      const mark = `mark-${n}`;
      session.send({ type: 'heartbeat', ref: mark });
      await until(session, (frame) => frame['ref'] === mark || frame['type'] === 'disconnect');
      for (const frame of session.control.splice(0)) {
        if (frame.type === 'published') counts.published++;
        if (frame.type !== 'error') continue;
        counts.errors++;
        if (!isKnown(frame['code'])) wrong.push(`${n}: ${JSON.stringify(frame)}`);
      }
      session.messages.length = 0;
      if (session.closed === null && session.socket.readyState === WebSocket.OPEN) continue;
      counts.closed++;
      session = await Subscriber.open(node.wsUrl, format);
    }
    session.close();
    t.same(wrong, []);
    t.ok(counts.errors > MESSAGES / 10, JSON.stringify(counts));
    const stored = (await settled(() => storedOn(node.url))) - before;
    t.ok(
      stored >= counts.published && stored <= counts.maybe,
      `${stored} ${JSON.stringify(counts)}`,
    );
  });
}

/** Until a frame fits, or the session has ended. */
async function until(
  session: Subscriber,
  fits: (frame: Record<string, unknown>) => boolean,
): Promise<void> {
  const ended = new Promise<void>((resolve) => session.socket.once('close', () => resolve()));
  const isOver = session.socket.readyState === WebSocket.CLOSED;
  if (!isOver) await Promise.race([session.waitFor(fits).then(() => undefined), ended]);
}

t.test('keys that nobody has open nothing', async (t) => {
  const keyed = await startKeyedNode();
  t.teardown(() => keyed.kill9());
  const { key } = await keyed.makeKey({ scopes: ['subscribe'] });
  const inputs = inputsOf('API keys');
  const wrong: string[] = [];
  await each(REQUESTS, async (n) => {
    // What a header may hold; the made key's own in a third of them, with the rest of another.
    const text = inputs
      .input(n)
      .toString('latin1')
      .replace(/[^\x21-\x7e]/g, '');
    const shown = n % 3 === 0 ? `${key.slice(0, 21)}${text.slice(21)}` : text;
    if (shown === key) return;
    const { status, body } = await keyed.ask('GET /api/topics', shown);
    if (status !== 401 || body['code'] !== 'unauthorized') wrong.push(`${n}: ${shown} ${status}`);
  });
  t.same(wrong, []);
  t.equal((await keyed.ask('GET /api/topics', key)).status, 200, 'and the key is good still');
  t.equal((await keyed.ask('GET /api/tenants', ADMIN_KEY)).status, 200);
  t.same(faultsOf(keyed.output()), []);
});

/** Lines of the log that complain of the node itself. */
function faultsOf(output: string): string[] {
  return output.split('\n').filter((line) => /"level":(50|60)\b/.test(line));
}

t.test('the node has lived through it, and complained of nothing', async (t) => {
  t.equal(node.process.exitCode, null);
  t.equal((await request(`${node.url}/readyz`, {})).status, 200);
  t.same(faultsOf(node.output()), []);
  const answer = await post(
    `${node.url}/api/publish`,
    'application/json',
    Buffer.from('{"topic":"a","payload":"after"}'),
  );
  t.equal(answer.status, 200);
});
