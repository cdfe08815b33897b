// Goal: a client that floods the node, or never reads what it is answered, is told why and goes; no other
// session notices, no thread dies, and nothing of it stays. In all formats, with every kind of answer.
import { Packr } from 'msgpackr';
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { request } from '../support/clients/publisher.js';
import { type Format, type Frame, Subscriber } from '../support/clients/subscriber.js';

const REQUESTS_MAX = 2_000;
const node = await startNode({
  WORKERS: '2',
  SEND_BUFFER_BYTES_MAX: '65536',
  SESSION_REQUESTS_MAX: String(REQUESTS_MAX),
});
t.teardown(() => node.kill9());
const witness = await Subscriber.open(node.wsUrl, 'json');
await witness.subscribe('witness', { ack: 'none' });
await (await Subscriber.open(node.wsUrl)).subscribe('there');

const FORMATS: readonly Format[] = ['seed', 'json', 'msgpack'];
const packr = new Packr({ useRecords: false });

/** What is sent over and over, and with which codes a session may end that does not stop. */
const FLOODS: Readonly<Record<string, { frame: Frame; codes: readonly number[] }>> = {
  'acks of unknown deliveries': {
    frame: { type: 'ack', topic: 'there', sequence: 999_999 },
    codes: [4008, 4029],
  },
  'nacks with a ref of unknown deliveries': {
    frame: { type: 'nack', topic: 'there', sequence: 999_999, ref: 'r' },
    codes: [4008, 4029],
  },
  'extends without a subscription': {
    frame: { type: 'extend', topic: 'other', sequence: 1 },
    codes: [4029],
  },
  'publishes with a ref': {
    frame: { type: 'publish', topic: 'there', payload: 1, ref: 'r' },
    codes: [4008, 4029],
  },
  'publishes to unknown topics': {
    frame: { type: 'publish', topic: 'nowhere', payload: 1, ref: 'r' },
    codes: [4029],
  },
  'deferred publishes': {
    frame: { type: 'publish', topic: 'there', payload: 1, delay_ms: 31_000_000_000, ref: 'r' },
    codes: [4008, 4029],
  },
  'refused publishes': {
    frame: { type: 'publish', topic: 'there', payload: 1, key: '', ref: 'r' },
    codes: [4029],
  },
  subscribes: { frame: { type: 'subscribe', topic: 'there' }, codes: [4029] },
  unsubscribes: { frame: { type: 'unsubscribe', topic: 'other' }, codes: [4029] },
  heartbeats: { frame: { type: 'heartbeat', ref: 'r' }, codes: [4029] },
};

function messageOf(format: Format, frame: Frame): Buffer {
  if (format === 'seed') return Buffer.from(JSON.stringify(frame));
  if (format === 'json') {
    return Buffer.from(new Array(REQUESTS_MAX).fill(JSON.stringify(frame)).join('\u001e'));
  }
  return Buffer.concat(new Array<Buffer>(REQUESTS_MAX).fill(packr.pack(frame)));
}

function post({ socket, format }: Subscriber, message: Buffer): void {
  socket.send(message, { binary: format === 'msgpack' }, () => undefined);
}

/** Sends until the node says that this is enough. */
async function flood(session: Subscriber, frame: Frame): Promise<void> {
  const { socket, format } = session;
  const message = messageOf(format, frame);
  const messages = format === 'seed' ? 20 * REQUESTS_MAX : 20;
  for (let sent = 0; sent < messages && socket.readyState === socket.OPEN; sent++) {
    post(session, message);
    // Its own answers are read, or not, in between.
    if (sent % 1_000 === 0 || format !== 'seed') await new Promise((next) => setImmediate(next));
  }
}

async function statistics(): Promise<Record<string, unknown>> {
  return (await request(`${node.url}/api/stats`, {})).body;
}

/** The witness publishes, and gets what it published. */
let published = 0;
async function witnessed(): Promise<void> {
  published++;
  witness.send({ type: 'publish', topic: 'witness', payload: published, ref: published });
  await witness.waitFor((frame) => frame['ref'] === published && frame.type === 'published');
  await eventually(() => witness.sequences.get('witness')?.length === published);
}

for (const [what, { frame, codes }] of Object.entries(FLOODS)) {
  for (const format of FORMATS) {
    for (const reads of ['never', 'always'] as const) {
      // Of the other formats one that reads is the same.
      if (format !== 'json' && reads === 'always') continue;
      t.test(`${format}, read ${reads}: ${what}`, async (t) => {
        const hostile = await Subscriber.open(node.wsUrl, format);
        await hostile.subscribe('there', { max_in_flight: 1 });
        if (reads === 'never') hostile.socket.pause();
        await flood(hostile, frame);
        await witnessed();
        hostile.socket.resume();
        await eventually(() => hostile.closed !== null);
        const told = hostile.control.find(({ type }) => type === 'disconnect');
        t.ok(codes.includes(hostile.closed?.code ?? 0), JSON.stringify(hostile.closed));
        t.equal(told?.['code'], hostile.closed?.code);
        await witnessed();
      });
    }
  }
}

for (const control of ['ping', 'pong'] as const) {
  t.test(`a flood of ${control}s`, async (t) => {
    const hostile = await Subscriber.open(node.wsUrl, 'json');
    for (let i = 0; i < 2 * REQUESTS_MAX; i++) hostile.socket[control]();
    await eventually(() => hostile.closed !== null);
    t.equal(hostile.closed?.code, 4029);
    await witnessed();
  });
}

t.test(
  'what is more than a session may have under way is refused, and the rest is done',
  async (t) => {
    const session = await Subscriber.open(node.wsUrl, 'json');
    const count = REQUESTS_MAX + 500;
    const publishes = Array.from({ length: count }, (_, ref) =>
      JSON.stringify({ type: 'publish', topic: 'there', payload: ref, ref }),
    );
    for (let round = 0; round < 2; round++) {
      session.control.length = 0;
      post(session, Buffer.from(publishes.join('\u001e')));
      await eventually(() => session.control.length === count);
      const refused = session.control.filter(({ code }) => code === 'busy');
      t.equal(session.control.filter(({ type }) => type === 'published').length, REQUESTS_MAX);
      t.same(new Set(refused.map(({ ref }) => Number(ref) >= REQUESTS_MAX)), new Set([true]));
      t.match(refused[0], { message: /SESSION_REQUESTS_MAX/ });
    }
    session.close();
  },
);

for (const format of FORMATS) {
  t.test(`${format}: publishes whose answers are never read, one lot after another`, async (t) => {
    const topic = `unread.${format}`;
    const [hostile, other] = [
      await Subscriber.open(node.wsUrl, format),
      await Subscriber.open(node.wsUrl, format),
    ];
    await other.subscribe(topic, { ack: 'none' });
    const stored = (): number => other.sequences.get(topic)?.length ?? 0;
    hostile.socket.pause();
    const frame: Frame = { type: 'publish', topic, payload: 1, ref: 'x'.repeat(200) };
    const lot = format === 'seed' ? REQUESTS_MAX : 1;
    let sessions = 0;
    for (let sent = REQUESTS_MAX; sent < 60 * REQUESTS_MAX; sent += REQUESTS_MAX) {
      for (let i = 0; i < lot; i++) post(hostile, messageOf(format, frame));
      await eventually(async () => {
        sessions = Number((await statistics())['sessions']);
        return stored() === sent || sessions === 3;
      });
      if (stored() < sent || sessions === 3) break;
    }
    hostile.socket.resume();
    await eventually(() => hostile.closed !== null);
    t.equal(hostile.closed?.code, 4008);
    t.equal(hostile.control.at(-1)?.['reason'], 'answers are not read');
    other.close();
  });
}

t.test('nothing of them stays, and no thread has died', async (t) => {
  await eventually(async () => (await statistics())['sessions'] === 2);
  t.equal((await statistics())['active_subscribers'], 2);
  t.equal(witness.closed, null);
  t.notMatch(node.output(), /died|threw/);
  t.equal(await node.stop(), 0, 'a drain has nothing to wait for');
});
