// Goal: whatever comes on the link between nodes, of somebody without the secret or of a node that has it and
// says what no node says, is dropped or refused, counted and told in a line of its kind; the link begins
// anew, the thread lives, and what sessions of other nodes are given is as it should be.
import { once } from 'node:events';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { MAIL_BYTES_MAX } from '../../src/backplane/mailbox.js';
import type { LinkHeader } from '../../src/core/peer-link.js';
import { packAck, packVerdict } from '../../src/thread/ops/acknowledge.js';
import { packCall, packReply, readCall } from '../../src/thread/ops/call.js';
import { packFailed, readFailed } from '../../src/thread/ops/failed.js';
import { packGap } from '../../src/thread/ops/gap.js';
import {
  packGive,
  packGiven,
  packHolds,
  packProbed,
  readGiven,
} from '../../src/thread/ops/give.js';
import {
  OP_CALL,
  OP_FAILED,
  OP_GAP,
  OP_GIVEN,
  OP_HOLDS,
  OP_SUBSCRIBE,
} from '../../src/thread/ops/opcodes.js';
import { packSought } from '../../src/thread/ops/sought.js';
import {
  packCaughtUp,
  packSessionEnded,
  packSubscribe,
  packSubscribed,
  packUnsubscribed,
  readSubscribe,
} from '../../src/thread/ops/subscribe.js';
import type { SubscribeOptions } from '../../src/thread/ops/subscribe-options.js';
import { packWant } from '../../src/thread/ops/want.js';
import { PackWriter } from '../../src/thread/packing/pack-writer.js';
import { packedBytes } from '../../src/topic/peers/remote-worker.js';
import { Subscriber } from '../support/clients/subscriber.js';
import { JudgedGroup } from '../support/delivery/judged-group.js';
import { mutated } from '../support/fuzz/fuzz-mutations.js';
import { SeededRandom } from '../support/fuzz/seeded-random.js';
import { ask, backplaneOf, postJson, startPair } from '../support/nodes/node-pair.js';
import { channelOf, Stranger } from '../support/nodes/stranger.js';
import { keyOf } from '../support/tenants/tenants.js';

const FUZZED = 600;
const SEED = Number(process.env['SIM_SEED'] ?? 1);

t.setTimeout(600_000);
const pair = await startPair(t);
const { a, b, redis } = pair;
/** Two sessions of one subscription at both nodes: their link goes on beside all of it. */
const group = new JudgedGroup('judged');
const members = [await group.join(a), await group.join(b)];
group.publishAt(a, 'a');
group.publishAt(b, 'b');
await group.flows(members);
const stranger = await Stranger.start(t, pair);
const worker = await stranger.worker();

const droppedOf = async (fault: string): Promise<number> =>
  (await backplaneOf(a)).dropped[fault] ?? 0;

/** What it was at A from here on. */
async function counted(fault: string, strike: () => unknown): Promise<void> {
  const before = await droppedOf(fault);
  await strike();
  await eventually(async () => (await droppedOf(fault)) > before);
}

function packed(pack: (to: PackWriter) => void): Buffer {
  const writer = new PackWriter();
  pack(writer);
  return Buffer.from(packedBytes(writer.take()));
}

/** An operation with whatever fields. */
const op = (number: number, fields: (to: PackWriter) => void = () => undefined): Buffer =>
  packed((to) => {
    to.begin(number, 4_096);
    fields(to);
  });

/** What it says of its length, in the place of what it has. */
function says(bytes: Buffer, length: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt32LE(length, 0);
  return copy;
}

const OPTIONS: SubscribeOptions = {
  ...{ name: 'one', ack: 'explicit', maxInFlight: null, ackWaitMs: null, maxDeliver: null },
  ...{ ordering: 'none', exclusive: false, start: { from: 'latest' }, create: true },
};
const OF = { request: 1, session: 1, subscription: 1, topicNo: 1 };
const HELD = { row: { sequence: 1, messageId: new Uint8Array(16) }, attempt: 1 };
const GAP = { from: 1, to: 2, reason: 'retention' as const };
const subscribe = (more: object = {}): Buffer =>
  packed((to) => {
    packSubscribe(to, { ...OF, topic: keyOf('hostile'), encoding: 0, options: OPTIONS, ...more });
  });
const ack = (more: object): Buffer =>
  packed((to) => packAck(to, { ...OF, kind: 1, sequence: 1, messageId: null, ...more }));
const verdict = (more: object): Buffer => {
  const said = { verdict: 0, sequence: 1, messageId: null, ms: null, reason: null };
  return packed((to) => packVerdict(to, { ...OF, ...said, ...more }));
};
const ANSWER = {
  ...{ request: 1, subscription: 1, topicNo: 1, idTag: 1, sequence: 1, delivered: 1 },
  ...{ epoch: '1x', recovered: null, gap: null },
};

/** Each is taken; what the table below has is nearly that. */
const TAKEN: Readonly<Record<string, Buffer>> = {
  subscribe: subscribe(),
  ack: ack({}),
  'ack by id': ack({ kind: 0, messageId: new Uint8Array(16) }),
  nack: verdict({ reason: 'no', ms: 10 }),
  reject: verdict({ verdict: 2 }),
  given: packed((to) => packGiven(to, { ...OF, taken: Number.POSITIVE_INFINITY })),
  probed: packed((to) => packProbed(to, { ...OF, wasEmpty: true })),
  want: packed((to) => packWant(to, { ...OF, messages: -3 })),
  call: packed((to) => packCall(to, { request: 1, method: 'subscription.pause', args: '{}' })),
  'session ended': packed((to) => packSessionEnded(to, { session: 9, abrupt: true })),
  holds: packed((to) => packHolds(to, { subscription: 1, term: 1, deliveries: [HELD] })),
  give: packed((to) => packGive(to, { ...OF, messages: 1, frames: Buffer.from('{}') })),
  gap: packed((to) => packGap(to, { ...ANSWER, gap: GAP })),
  sought: packed((to) => packSought(to, { ...OF, sequence: 1 })),
  'caught up': packed((to) => packCaughtUp(to, { ...OF, sequence: 1 })),
  unsubscribed: packed((to) => packUnsubscribed(to, { ...OF, reason: 4 })),
  subscribed: packed((to) => packSubscribed(to, ANSWER)),
  reply: packed((to) => packReply(to, { request: 1, result: '{}', body: new Uint8Array() })),
  failed: packed((to) =>
    packFailed(to, { request: 1, session: 1, code: 'busy', detail: 'x', field: null }),
  ),
};

const WHOLE = ack({});
const UNREAD: Readonly<Record<string, Buffer>> = {
  'one byte': Buffer.from([7]),
  'less than a length': Buffer.from([7, 0, 0]),
  'a length of more than there is': says(WHOLE, WHOLE.length + 1),
  'a length of gigabytes': says(WHOLE, 0xffff_ffff),
  'a length of less than there is': says(WHOLE, WHOLE.length - 1),
  'an operation that is none': op(0),
  'an operation of the future': op(200),
  'one that does not travel between nodes': op(1),
  'one that is cut off': says(WHOLE.subarray(0, -3), WHOLE.length - 3),
  'a text that is cut off': op(OP_CALL, (to) => {
    to.u32(1);
    to.u16(60_000);
  }),
  'a name that was never said': op(OP_SUBSCRIBE, (to) => {
    for (const one of [1, 1, 1]) to.u32(one);
    to.u8(0);
    to.u16(77);
    to.longText('{}');
  }),
  'a subscribe in a format of the future': subscribe({ encoding: 9 }),
  'a subscribe with options of the future': subscribe({ options: { ...OPTIONS, ack: 'later' } }),
  'settings that no database holds': subscribe({ options: { ...OPTIONS, ackWaitMs: 2 ** 40 } }),
  'an ack of a kind of the future': ack({ kind: 7 }),
  'an ack of half a message': ack({ kind: 2, sequence: 1.5 }),
  'an ack of no number': ack({ sequence: Number.NaN }),
  'an ack from before the first': ack({ sequence: -1 }),
  'an ack of all there will ever be': ack({ kind: 2, sequence: Number.POSITIVE_INFINITY }),
  'a verdict of the future': verdict({ verdict: 9 }),
  'a delay of no number': verdict({ ms: Number.NaN }),
  'a delay into the past': verdict({ ms: -2 }),
  'a want of no number': packed((to) => packWant(to, { ...OF, messages: Number.NaN })),
  'a want of everything': packed((to) => packWant(to, { ...OF, messages: 1e300 })),
  'less than nothing taken': packed((to) => packGiven(to, { ...OF, taken: -1 })),
  'an end of a kind of the future': op(4, (to) => {
    to.u32(1);
    to.u8(7);
  }),
  'more deliveries than a GIVE has': op(OP_HOLDS, (to) => {
    to.u32(1);
    to.f64(1);
    to.u8(200);
  }),
  'a term of no number': packed((to) =>
    packHolds(to, { subscription: 1, term: Number.NaN, deliveries: [] }),
  ),
  'a gap of a reason of the future': op(OP_GAP, (to) => {
    for (const one of [1, 1]) to.u32(one);
    for (const one of [1, 1]) to.f64(one);
    to.text('1x');
    to.u8(77);
  }),
  'a move to no number': packed((to) => packSought(to, { ...OF, sequence: Number.NaN })),
  'caught up before the first': packed((to) => packCaughtUp(to, { ...OF, sequence: -1 })),
  'an unsubscribe for a reason of the future': packed((to) =>
    packUnsubscribed(to, { ...OF, reason: 9 }),
  ),
  'a head of no number': packed((to) => packSubscribed(to, { ...ANSWER, sequence: 0.5 })),
};

t.test('what no worker writes is dropped, counted, and the link begins anew', async (t) => {
  const link = await stranger.link(worker);
  for (const [what, bytes] of Object.entries(UNREAD)) {
    const { link_resets: resets } = await backplaneOf(a);
    await counted('garbage', () => link.write(bytes));
    t.equal((await backplaneOf(a)).link_resets, resets + 1, what);
    await eventually(() => link.isUp);
  }
});

t.test('what a worker may not ask is refused, and nothing begins anew', async (t) => {
  const link = await stranger.link(worker);
  const { link_resets: resets } = await backplaneOf(a);
  const calls: [string, string][] = [
    ['topic.delete', JSON.stringify({ key: keyOf('judged') })],
    ['subscription.delete', JSON.stringify({ key: keyOf('judged'), subscription: 'workers' })],
    ['subscription.pause', '{'],
    ['subscription.pause', 'null'],
    ['subscription.pause', '{"key":"no tenant","subscription":"workers"}'],
    ['subscription.seek', JSON.stringify({ key: keyOf('judged'), subscription: 'workers' })],
    ['constructor', '{}'],
  ];
  const answers: number[] = [];
  stranger.onRead = (reader) => {
    while (!reader.done) {
      t.equal(reader.u8(), OP_FAILED);
      const { request, code } = readFailed(reader);
      t.equal(code, 'bad_request');
      answers.push(request);
    }
  };
  calls.forEach(([method, args], n) => {
    link.write(packed((to) => packCall(to, { request: n + 1, method, args })));
  });
  await eventually(() => answers.length === calls.length);
  stranger.onRead = () => undefined;
  t.same(
    answers,
    calls.map((_, n) => n + 1),
  );
  t.equal((await backplaneOf(a)).link_resets, resets);
  t.notMatch(await group.standing(b), { paused: true });
});

t.test('mail that no node has sent, or not so', async (t) => {
  const link = await stranger.link(worker);
  const header = { mine: 1, yours: 1, number: 1, heard: 0, isWanted: true, isPart: false };
  const made = (of = stranger.envelopes(), to = worker): Buffer =>
    of.pack(to, header, TAKEN['ack'] ?? WHOLE);
  const { own } = stranger;
  const cases: [fault: string, bytes: Buffer][] = [
    ['garbage', Buffer.alloc(0)],
    ['garbage', Buffer.from([2])],
    ['version', Buffer.alloc(200, 77)],
    ['mac', Buffer.alloc(200, 2)],
    ['oversized', Buffer.alloc(MAIL_BYTES_MAX + 1, 2)],
    ['mac', made(stranger.envelopes({ secret: 'x'.repeat(32) }))],
    ['cluster', made(stranger.envelopes({ cluster: 'other' }))],
    ['garbage', made(stranger.envelopes(), { ...worker, worker: 9 })],
    ['garbage', made(stranger.envelopes({ own: { ...own, worker: 7 } }))],
    ['stale', made()],
  ];
  for (const [fault, bytes] of cases) await counted(fault, () => stranger.post(worker, bytes));
  t.ok(link.isUp, 'which is none of the link of whoever they pose as');
});

/** As the worker reads it; null: it could not. */
function headerOf(bytes: Buffer): LinkHeader | null {
  const read = stranger.envelopes({ own: worker }).read(bytes);
  return typeof read === 'string' ? null : read.header;
}

t.test('what was sent is sent again, and in another order', async (t) => {
  // Of node b, whose session is attached here, and of the stranger.
  const ear = redis.client.duplicate();
  const heard: Buffer[] = [];
  ear.on('messageBuffer', (_channel: Buffer, bytes: Buffer) => {
    if ((headerOf(bytes)?.number ?? 0) > 0) heard.push(bytes);
  });
  await ear.subscribe(channelOf(worker));
  await eventually(() => heard.length > 40);
  ear.disconnect();
  const before = await droppedOf('stale');
  const { link_resets: resets } = await backplaneOf(a);
  for (const bytes of heard.reverse()) stranger.post(worker, bytes);
  await eventually(async () => (await droppedOf('stale')) >= before + heard.length);
  t.equal((await backplaneOf(a)).link_resets, resets, 'it is no sign of anything');
  await group.flows(members);
});

t.test('numbers that go back, are far ahead, or speak of what was never said', async (t) => {
  const link = await stranger.link(worker);
  const now = async (): Promise<LinkHeader> => {
    const { lastSent } = stranger;
    await eventually(() => stranger.lastSent !== lastSent && link.isUp);
    const header = headerOf(stranger.lastSent);
    if (header === null || header.number === 0) return now();
    return header;
  };
  const say = (header: LinkHeader): void =>
    stranger.post(worker, stranger.envelopes().pack(worker, header, WHOLE));
  const header = await now();
  await counted('stale', () => say({ ...header, number: 1 }));
  await counted('stale', () => say({ ...header, mine: header.mine - 1 }));
  t.ok(link.isUp);
  for (const beyond of [5_000, 2 ** 40]) {
    const header = await now();
    const { link_resets: resets } = await backplaneOf(a);
    say({ ...header, number: header.number + beyond });
    await eventually(async () => (await backplaneOf(a)).link_resets > resets);
  }
  const last = await now();
  await counted('garbage', () => say({ ...last, number: last.number + 1, heard: 2 ** 50 }));
  await now();
});

t.test('a node that coordinates a subscription, and lies about it', async (t) => {
  const topic = 'lied';
  await postJson(a, '/api/topics', { name: topic });
  const first = await Subscriber.open(a.wsUrl, 'json');
  await first.subscribe(topic, { subscription: 'sub', start: { from: 'earliest' } });
  first.close();
  await once(first.socket, 'close');
  await eventually(async () => {
    const { body } = await ask(a, `/api/subscriptions/${topic}/sub`);
    return body['sessions'] === 0;
  });
  await stranger.owns(topic);
  const asked: { subscribe?: ReturnType<typeof readSubscribe>; call?: number } = {};
  stranger.onRead = (reader) => {
    while (!reader.done) {
      const number = reader.u8();
      if (number === OP_SUBSCRIBE) asked.subscribe = readSubscribe(reader);
      else if (number === OP_CALL) asked.call = readCall(reader).request;
      else if (number === OP_GIVEN) readGiven(reader);
      else throw new Error(`operation ${number} was not to come`);
    }
  };
  const link = await stranger.link(worker);
  const session = await Subscriber.open(a.wsUrl, 'json');
  const answered = session.subscribe(topic, { subscription: 'sub' });
  await eventually(() => asked.subscribe !== undefined);
  const { request = 0, subscription = 0 } = asked.subscribe ?? {};
  const of = { subscription, topicNo: 1 };
  link.write(packed((to) => packSubscribed(to, { ...ANSWER, request, subscription })));
  t.match(await answered, { type: 'subscribed' });
  const give = (messages: number, deliveries: (typeof HELD)[], frames: string): Buffer =>
    packed((to) => {
      packHolds(to, { subscription, term: 5, deliveries });
      packGive(to, { ...of, messages, frames: Buffer.from(frames) });
    });
  // Not its format, but whole: it is written as it came, to this one session.
  link.write(give(1, [HELD], '{"type":"message"}'));
  await counted('garbage', () => link.write(give(3, [HELD], '{"type":"message"}')));
  await eventually(() => link.isUp);

  const replies = ['', '{', 'null', '7', '[]', '{}', '{"subscription":7}', '{"subscription":{}}'];
  for (const result of replies) {
    delete asked.call;
    const paused = postJson(a, `/api/subscriptions/${topic}/sub/pause`, {});
    await eventually(() => asked.call !== undefined);
    await counted('garbage', () => {
      link.write(
        packed((to) => {
          packReply(to, { request: asked.call ?? 0, result, body: new Uint8Array() });
        }),
      );
    });
    t.match(await paused, { status: 503, body: { code: 'busy' } }, result);
    await eventually(() => link.isUp);
  }
  stranger.onRead = () => undefined;
  session.close();
});

t.test(`${FUZZED} of what is nearly an operation`, async (t) => {
  const random = new SeededRandom(SEED);
  const corpus = Object.values(TAKEN).map((bytes) => bytes.subarray(4));
  const stock = { corpus, words: [Buffer.alloc(8, 255), Buffer.alloc(4), Buffer.from('{"a":[')] };
  for (let n = 0; n < FUZZED; n++) {
    const link = await stranger.link(worker);
    const body = mutated(stock, random);
    link.write(says(Buffer.concat([Buffer.alloc(4), body]), body.length + 4));
    if (n % 20 === 0) await eventually(() => link.isUp);
  }
  await stranger.link(worker);
  t.equal((await ask(a, '/readyz')).status, 200);
});

t.test('nobody else has noticed, and the log of the node says little', async (t) => {
  await stranger.end();
  await group.flows(members);
  t.same(await group.end(a), []);
  const attempts = members.flatMap(({ got }) => got.map(({ attempt }) => attempt));
  t.same([...new Set(attempts)], [1], 'no attempt has failed');
  t.notMatch(a.output(), /thread\.died|handler\.fault/);
  t.notMatch(b.output(), /thread\.died|handler\.fault/);
  const lines = a
    .output()
    .split('\n')
    .filter((line) => /was dropped: it cannot be read/.test(line));
  t.ok(lines.length >= 1 && lines.length < 12, `${lines.length} lines of hundreds`);
  for (const node of [a, b]) t.equal(await node.stop(), 0);
});
