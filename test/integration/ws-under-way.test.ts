// Goal: a request of a session counts until it is answered and no longer, whatever it is and whatever the
// answer: a client that waits now and then can ask for ever.
import t from 'tap';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { request } from '../support/clients/publisher.js';
import { type Frame, Subscriber } from '../support/clients/subscriber.js';

const REQUESTS_MAX = 256;
const node = await startNode({
  SESSION_REQUESTS_MAX: String(REQUESTS_MAX),
  SUBSCRIPTIONS_PER_SESSION_MAX: '4',
});
t.teardown(() => node.kill9());

const session = await Subscriber.open(node.wsUrl, 'json');
await session.subscribe('way', { max_in_flight: 1_000, ack_wait_ms: 600_000 });
const LOT = 128;
const LOTS = 10;
/** Twice as many as there may be subscriptions are under way at most. */
const SUBSCRIBES = 8;

/** The answers to a lot of frames, each with a ref of its own. */
async function answersTo(frames: readonly Record<string, unknown>[]): Promise<Frame[]> {
  session.control.length = 0;
  const withRef = frames.map((frame, n) => JSON.stringify({ ...frame, ref: n }));
  session.socket.send(withRef.join('\u001e'));
  await eventually(() => session.control.length === frames.length);
  return session.control;
}

let acked = 0;
const next = (type: string): Record<string, unknown> => {
  acked++;
  return { type, topic: 'way', sequence: acked };
};
const publish = { type: 'publish', topic: 'way', payload: 1 };
const refused = { type: 'subscribe', start: { from: 'sequence', sequence: 99 } };
let names = 0;

/** A frame, as many as are sent at once (errors: 1,024 in a second are too many), and the answer to each. */
const KINDS: readonly [string, frame: () => Record<string, unknown>, number, answer: string][] = [
  ['publishes', () => publish, LOT, 'published'],
  ['deferred publishes', () => ({ ...publish, delay_ms: 600_000 }), LOT, 'published'],
  ['publishes to unknown topics', () => ({ ...publish, topic: `no.${names++}` }), 30, 'error'],
  ['acks', () => next('ack'), LOT / 2, 'acked'],
  ['extends', () => next('extend'), 10, 'acked'],
  [
    'nacks of unknown deliveries',
    () => ({ type: 'nack', topic: 'way', sequence: 1e9 }),
    30,
    'error',
  ],
  ['subscribes', () => ({ type: 'subscribe', topic: 'again' }), SUBSCRIBES, 'subscribed'],
  ['refused subscribes', () => ({ ...refused, topic: 'way.too.far' }), 3, 'error'],
];

for (const [what, frame, count, answer] of KINDS) {
  t.test(`${what} count until they are answered`, async (t) => {
    for (let lot = 0; lot < LOTS; lot++) {
      const answers = await answersTo(Array.from({ length: count }, frame));
      t.same(new Set(answers.map(({ type }) => type)), new Set([answer]));
      t.notOk(answers.some(({ code }) => code === 'busy'));
    }
  });
}

t.test('unsubscribes count until they are answered', async (t) => {
  const subscribe = { type: 'subscribe', topic: 'brief' };
  for (let lot = 0; lot < 2 * LOTS; lot++) {
    const answers = await answersTo([subscribe, { ...subscribe, type: 'unsubscribe' }]);
    t.same(
      answers.map(({ type }) => type),
      ['subscribed', 'unsubscribed'],
    );
  }
});

t.test('acks without a ref count until they are taken', async (t) => {
  const lots = 4;
  const frames = (): string[] => Array.from({ length: LOT }, () => JSON.stringify(next('ack')));
  for (let lot = 0; lot < lots; lot++) {
    session.socket.send(frames().join('\u001e'));
    const answers = await answersTo([{ type: 'heartbeat' }]);
    t.equal(answers[0]?.type, 'heartbeat_ack');
  }
  t.notOk(session.control.some(({ type }) => type === 'error'));
});

t.test('acks of what was taken over are refused, and nobody is closed for them', async (t) => {
  const [topic, count] = ['way.taken', 1_000];
  const names = ['one', 'two', 'three'];
  const [loser, winner] = [
    await Subscriber.open(node.wsUrl, 'json'),
    await Subscriber.open(node.wsUrl, 'json'),
  ];
  const options = { max_in_flight: count, ack_wait_ms: 600_000 };
  for (const subscription of names) await loser.subscribe(topic, { ...options, subscription });
  const messages = Array.from({ length: count }, () => ({ topic, payload: 1 }));
  await request(`${node.url}/api/publish/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ messages }),
  });
  await eventually(() => loser.messages.length === names.length * count);
  for (const subscription of names)
    await winner.subscribe(topic, { subscription, exclusive: true });
  const isTold = (name: string) => (frame: Frame) => frame['subscription'] === name;
  for (const name of names)
    await loser.waitFor((f) => f['reason'] === 'taken_over' && isTold(name)(f));
  const acks = loser.messages.map(({ sequence, subscription }) =>
    JSON.stringify({ type: 'ack', topic, sequence, subscription }),
  );
  loser.socket.send(acks.join('\u001e'));
  const refused = (): Frame[] => loser.control.filter(({ code }) => code === 'unknown_delivery');
  await eventually(() => refused().length === acks.length);
  t.equal(loser.closed, null);
  loser.close();
  winner.close();
});
