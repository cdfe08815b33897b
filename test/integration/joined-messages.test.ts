// Goal: a message of thousands of frames is done whole, in its order, while others are served; who goes
// before it is read leaves nothing half done that anybody waits for.
import t from 'tap';
import WebSocket from 'ws';
import { eventually } from '../../native-bench/rig/eventually.js';
import { startNode } from '../../native-bench/rig/node.js';
import { request } from '../support/clients/publisher.js';
import { type Format, type Frame, Subscriber } from '../support/clients/subscriber.js';

const FRAMES = 10_000;
const SEPARATOR = '\u001e';

const node = await startNode({ WORKERS: '2', SESSION_REQUEST_BYTES_MAX: '4194304' });
t.teardown(() => node.kill9());

type Content = Record<string, unknown>;

const numbers = Array.from({ length: FRAMES }, (_, n) => n);
const joined = (frames: readonly Content[]): string =>
  frames.map((frame) => JSON.stringify(frame)).join(SEPARATOR);

function send(session: Subscriber, frames: readonly Content[]): void {
  if (session.format === 'json') session.socket.send(joined(frames));
  else for (const frame of frames) session.send(frame);
}

async function sequenceOf(topic: string): Promise<number> {
  const { body } = await request(`${node.url}/api/topics/${topic}/position`, {});
  return (body as { sequence?: number }).sequence ?? 0;
}

/** One message of all frames, or one for each of them. */
const FORMATS: readonly Format[] = ['json', 'msgpack', 'seed'];

for (const format of FORMATS) {
  t.test(`${FRAMES} publishes at once, as ${format}`, async (t) => {
    const topic = `many.${format}`;
    const session = await Subscriber.open(node.wsUrl, format);
    const other = await Subscriber.open(node.wsUrl, 'json');
    await other.subscribe(topic, { ack: 'none' });
    await other.subscribe('other');
    send(
      session,
      numbers.map((n) => ({ type: 'publish', topic, payload: n, ref: n })),
    );
    other.send({ type: 'publish', topic: 'other', payload: 1, ref: 'other' });
    await other.waitFor(({ ref }) => ref === 'other');
    await eventually(() => session.control.length === FRAMES || session.closed !== null);
    t.same(
      session.control.map(({ type, ref, sequence }) => `${type} ${ref} ${sequence}`),
      numbers.map((n) => `published ${n} ${n + 1}`),
      'each has its answer, in the order of the frames',
    );
    const got = (): Frame[] => other.messages.filter((message) => message['topic'] === topic);
    await eventually(() => got().length === FRAMES);
    t.same(
      got().map(({ payload }) => payload),
      numbers,
    );
    for (const one of [session, other]) one.close();
  });
}

t.test(
  'a client that keeps its window may go on for ever, as fast as it is answered',
  async (t) => {
    const [window, count] = [2_000, 40_000];
    const session = await Subscriber.open(node.wsUrl, 'json');
    const other = await Subscriber.open(node.wsUrl, 'json');
    await other.subscribe('window', { ack: 'none' });
    let sent = 0;
    const sendMore = (more: number): void => {
      const frames = Array.from({ length: Math.min(more, count - sent) }, (_, n) => ({
        ...{ type: 'publish', topic: 'window', payload: 1, ref: sent + n },
      }));
      sent += frames.length;
      if (frames.length > 0) send(session, frames);
    };
    let answered = 0;
    // Behind Subscriber's own: by now all answers of a message are in `control`.
    session.socket.on('message', () => {
      const more = session.control.length - answered;
      answered += more;
      sendMore(more);
    });
    sendMore(window);
    await eventually(() => answered === count || session.closed !== null);
    t.same(session.closed, null);
    t.same([...new Set(session.control.map(({ type, code }) => code ?? type))], ['published']);
    t.equal(answered, count);
    for (const one of [session, other]) one.close();
  },
);

t.test('frames of every kind keep their order through the slices', async (t) => {
  const session = await Subscriber.open(node.wsUrl, 'json');
  const frames = numbers.map((n): Content => {
    if (n % 1_000 === 500) return { type: 'subscribe', topic: 'kinds', ref: n };
    if (n % 1_000 === 501) return { type: 'unsubscribe', topic: 'kinds', ref: n };
    if (n % 500 === 7) return { type: 'publish', topic: 'kinds', ref: n };
    return { type: 'publish', topic: `no.${n % 3_000}`, payload: n, ref: n };
  });
  send(session, frames);
  await eventually(() => session.control.length === FRAMES || session.closed !== null);
  t.equal(session.closed, null);
  t.same(new Set(session.control.map(({ ref }) => ref)), new Set(numbers), 'each has its answer');
  const kinds = session.control.flatMap(({ type, code, ref }) =>
    Number(ref) % 1_000 === 500 || Number(ref) % 1_000 === 501 || Number(ref) % 500 === 7
      ? [`${type} ${code ?? ''}`]
      : [],
  );
  t.same(
    [...new Set(kinds)].sort(),
    ['error payload_required', 'subscribed ', 'unsubscribed '],
    'none was taken for another',
  );
  session.close();
});

t.test('a client that closes behind a long message has said all of it', async (t) => {
  const session = await Subscriber.open(node.wsUrl, 'json');
  await session.subscribe('said');
  send(
    session,
    numbers.map((n) => ({ type: 'publish', topic: 'said', payload: n })),
  );
  session.socket.close(1000);
  await eventually(async () => (await sequenceOf('said')) === FRAMES);
  await eventually(async () => {
    const { body } = await request(`${node.url}/api/topics/said`, {});
    return (body as { subscriber_count?: number }).subscriber_count === 0;
  });
  t.equal(await sequenceOf('said'), FRAMES);
});

t.test('a client that is gone in the middle leaves no request, and no session', async (t) => {
  const steady = await Subscriber.open(node.wsUrl, 'json');
  await steady.subscribe('gone');
  for (let round = 0; round < 5; round++) {
    const session = await Subscriber.open(node.wsUrl, 'json');
    await session.subscribe('gone');
    send(
      session,
      numbers.map((n) => ({ type: 'publish', topic: 'gone', payload: n, ref: n })),
    );
    await new Promise((resolve) => setImmediate(resolve));
    session.socket.terminate();
  }
  await eventually(async () => {
    const { body } = await request(`${node.url}/api/topics/gone`, {});
    return (body as { subscriber_count?: number }).subscriber_count === 1;
  });
  const before = await sequenceOf('gone');
  steady.send({ type: 'publish', topic: 'gone', payload: 'last', ref: 'last' });
  const { sequence } = await steady.waitFor(({ ref }) => ref === 'last');
  t.ok(Number(sequence) > before && before <= 5 * FRAMES, 'what was read is there, once');
  steady.close();
});

t.test('who sends more than may wait is told, and closed with 4029', async (t) => {
  const session = await Subscriber.open(node.wsUrl, 'json');
  await session.subscribe('flood');
  const message = joined(numbers.map((n) => ({ type: 'ack', topic: 'flood', sequence: n + 1 })));
  for (let n = 0; n < 40 && session.socket.readyState === WebSocket.OPEN; n++) {
    session.socket.send(message);
  }
  await eventually(() => session.closed !== null);
  t.equal(session.closed?.code, 4029);
  t.match(session.control.at(-1), { type: 'disconnect', code: 4029, reconnect: true });
});

t.test('the node ends at once, whatever is left', async (t) => {
  const session = await Subscriber.open(node.wsUrl, 'json');
  send(
    session,
    numbers.map((n) => ({ type: 'publish', topic: 'said', payload: n })),
  );
  t.equal(await node.stop(), 0);
});
