import { pack } from 'msgpackr';
import t from 'tap';
import type { RequestError } from '../../../src/core/errors.js';
import { DEFAULT_LIMITS } from '../../../src/core/limits.js';
import { formatUuid } from '../../../src/core/uuid.js';
import {
  BAD_FRAMES_MAX,
  type ClientFrame,
  decodeJsonFrames,
  decodeMsgpackFrames,
  type FrameSink,
  type JsonFraming,
  type Ref,
} from '../../../src/wire/client-frame.js';

const ID = '0198b6f0-1c2d-7abc-8def-0123456789ab';
const RS = '\x1e';

class Collected implements FrameSink {
  readonly limits = DEFAULT_LIMITS;
  readonly frames: ClientFrame[] = [];
  readonly errors: { error: RequestError; ref: Ref }[] = [];
  /** In order: a frame's type, or an error's code and ref. */
  readonly order: string[] = [];
  wantsMore = true;

  frame(frame: ClientFrame): void {
    this.frames.push(frame);
    this.order.push(frame.type);
  }

  bad(error: RequestError, ref: Ref): void {
    this.errors.push({ error, ref });
    this.order.push(ref === null ? error.code : `${error.code} ${ref}`);
  }

  tooManyBad(): void {
    this.order.push('too many');
  }
}

function json(message: string | Uint8Array, framing: JsonFraming = 'joined'): Collected {
  const sink = new Collected();
  decodeJsonFrames(Buffer.from(message), sink, framing);
  return sink;
}

function msgpack(...frames: Uint8Array[]): Collected {
  const sink = new Collected();
  decodeMsgpackFrames(Buffer.concat(frames), sink);
  return sink;
}

const NO_TARGET = { topic: null, sequence: 0, subscription: null };
const ID_BYTES = Uint8Array.from(Buffer.from(ID.replaceAll('-', ''), 'hex'));

const SUBSCRIBE = {
  type: 'subscribe',
  ref: null,
  topic: 'a',
  subscription: null,
  ack: null,
  maxInFlight: null,
  start: null,
  ackWaitMs: null,
  maxDeliver: null,
  ordering: null,
  exclusive: false,
};

// biome-ignore format: frames side by side
const GOOD: readonly [Record<string, unknown>, Record<string, unknown>][] = [
  [{ type: 'heartbeat' }, { type: 'heartbeat', ref: null }],
  [{ type: 'refresh', token: 't' }, { type: 'refresh', token: 't', ref: null }],
  [
    { type: 'hello', client: 'shop', version: '1.2' },
    { type: 'hello', client: 'shop', version: '1.2', ref: null },
  ],
  [{ type: 'hello', client: 'é' }, { type: 'hello', client: 'é', version: null, ref: null }],
  [{ type: 'heartbeat', ref: 'r' }, { type: 'heartbeat', ref: 'r' }],
  [{ type: 'heartbeat', ref: -1.5 }, { type: 'heartbeat', ref: -1.5 }],
  [{ type: 'heartbeat', ref: 'x'.repeat(255) }, { type: 'heartbeat', ref: 'x'.repeat(255) }],
  [{ type: 'subscribe', topic: 'a' }, SUBSCRIBE],
  [
    {
      type: 'subscribe', topic: 'a', subscription: 'billing.v2', ack: 'none', max_in_flight: 1000, ref: 7,
      ack_wait_ms: 2000, max_deliver: 3, ordering: 'key', exclusive: true, start: { from: 'latest' },
    },
    {
      ...SUBSCRIBE, subscription: 'billing.v2', ack: 'none', maxInFlight: 1000, ref: 7,
      ackWaitMs: 2000, maxDeliver: 3, ordering: 'key', exclusive: true, start: { from: 'latest' },
    },
  ],
  [
    { type: 'subscribe', topic: 'a', start: { from: 'earliest', sequence: null, more: 1 } },
    { ...SUBSCRIBE, start: { from: 'earliest' } },
  ],
  [
    { type: 'subscribe', topic: 'a', start: { from: 'sequence', sequence: 2 ** 53 - 1, epoch: '0az9' } },
    { ...SUBSCRIBE, start: { from: 'sequence', sequence: 2 ** 53 - 1, epoch: '0az9' } },
  ],
  [
    { type: 'subscribe', topic: 'a', start: { sequence: 0, epoch: null } },
    { ...SUBSCRIBE, start: { from: 'sequence', sequence: 0, epoch: null } },
  ],
  [
    { type: 'subscribe', topic: 'a', start: { from: 'time', time: '2026-01-01T00:00:00Z' } },
    { ...SUBSCRIBE, start: { from: 'time', timeMs: Date.UTC(2026, 0, 1) } },
  ],
  [
    { type: 'unsubscribe', topic: 'a', subscription: 's', ref: 0 },
    { type: 'unsubscribe', topic: 'a', subscription: 's', ref: 0 },
  ],
  [
    { type: 'ack', message_id: ID },
    { type: 'ack', ref: null, messageId: ID_BYTES, ...NO_TARGET, cumulative: false },
  ],
  [
    { message_id: ID.toUpperCase(), type: 'ack', subscription: 's', ref: 1, topic: 'a' },
    {
      type: 'ack', ref: 1, messageId: ID_BYTES, topic: 'a', sequence: 0, subscription: 's',
      cumulative: false,
    },
  ],
  [
    { type: 'ack', topic: 'a', sequence: 5, cumulative: true },
    {
      type: 'ack', ref: null, messageId: null, topic: 'a', sequence: 5, subscription: null,
      cumulative: true,
    },
  ],
  [
    { type: 'nack', message_id: ID, delay_ms: 0, reason: 'try later' },
    {
      type: 'nack', ref: null, messageId: ID_BYTES, ...NO_TARGET, delayMs: 0, reason: 'try later',
    },
  ],
  [
    { type: 'extend', topic: 'a', sequence: 2 ** 40, ms: 30_000 },
    {
      type: 'extend', ref: null, messageId: null, topic: 'a', sequence: 2 ** 40, subscription: null,
      ms: 30_000,
    },
  ],
  [
    { type: 'reject', message_id: ID },
    { type: 'reject', ref: null, messageId: ID_BYTES, ...NO_TARGET, reason: null },
  ],
];

t.test('every type of frame is read, in both formats', async (t) => {
  for (const [sent, expected] of GOOD) {
    const text = JSON.stringify(sent);
    for (const sink of [json(text), json(text, 'single'), msgpack(pack(sent))]) {
      t.same(sink.errors, [], text.slice(0, 70));
      t.same(sink.frames, [expected]);
    }
  }
});

t.test('a publish frame holds its payload as sent', async (t) => {
  const text =
    '{"type":"publish","ref":1,"topic":"a","payload":{"x": [1, 2]},"key":"k","delay_ms":9}';
  const [frame] = json(text).frames;
  if (frame?.type !== 'publish') return t.fail('a publish');
  t.match(frame, { ref: 1, publish: { topic: 'a', key: 'k', delayMs: 9 } });
  t.equal(Buffer.from(frame.publish.payload).toString(), '{"x": [1, 2]}');
  const [packed] = msgpack(pack({ type: 'publish', topic: 'a', payload: [1] })).frames;
  if (packed?.type !== 'publish') return t.fail('a publish');
  t.equal(Buffer.from(packed.publish.payload).toString('hex'), '9101');
});

const sub = (fields: object) => ({ type: 'subscribe', topic: 'a', ref: 1, ...fields });
const ack = (fields: object) => ({ type: 'ack', ref: 1, ...fields });
const start = (value: unknown) => sub({ start: value });

const BAD: readonly [object, string][] = [
  [{ ref: 1 }, 'unknown_type 1'],
  [{ type: null, ref: 1 }, 'unknown_type 1'],
  [{ type: 1, ref: 1 }, 'unknown_type 1'],
  [{ type: ['ack'], ref: 1 }, 'unknown_type 1'],
  [{ type: '', ref: 1 }, 'unknown_type 1'],
  [{ type: 'ACK', ref: 1 }, 'unknown_type 1'],
  [{ type: '__proto__', ref: 1 }, 'unknown_type 1'],
  [{ type: 'toString', ref: 1 }, 'unknown_type 1'],
  [{ type: 'x'.repeat(10_000), ref: 1 }, 'unknown_type 1'],
  [{ type: 'heartbeat', ref: 'x'.repeat(256) }, 'invalid_field'],
  [{ type: 'refresh' }, 'invalid_field'],
  [{ type: 'refresh', token: null }, 'invalid_field'],
  [{ type: 'refresh', token: ['t'] }, 'invalid_field'],
  [{ type: 'refresh', token: 'x'.repeat(2_561) }, 'invalid_field'],
  [{ type: 'hello' }, 'invalid_field'],
  [{ type: 'hello', client: '' }, 'invalid_field'],
  [{ type: 'hello', client: 1 }, 'invalid_field'],
  [{ type: 'hello', client: 'x'.repeat(65) }, 'invalid_field'],
  [{ type: 'hello', client: 'c', version: 'x'.repeat(65) }, 'invalid_field'],
  [{ type: 'heartbeat', ref: true }, 'invalid_field'],
  [{ type: 'heartbeat', ref: {} }, 'invalid_field'],
  [{ type: 'heartbeat', ref: 1, pad: 'x'.repeat(16 * 1024) }, 'frame_too_large 1'],
  [{ type: 'subscribe', ref: 1 }, 'topic_required 1'],
  [sub({ topic: 5 }), 'topic_type 1'],
  [sub({ topic: 'a/b' }), 'topic_chars 1'],
  [sub({ subscription: '' }), 'invalid_field 1'],
  [sub({ subscription: 'a b' }), 'invalid_field 1'],
  [sub({ subscription: 5 }), 'invalid_field 1'],
  [sub({ subscription: 'x'.repeat(256) }), 'invalid_field 1'],
  [sub({ ack: 'auto' }), 'invalid_field 1'],
  [sub({ ack: true }), 'invalid_field 1'],
  [sub({ max_in_flight: 0 }), 'invalid_field 1'],
  [sub({ max_in_flight: 1001 }), 'invalid_field 1'],
  [sub({ max_in_flight: 1.5 }), 'invalid_field 1'],
  [sub({ max_in_flight: '5' }), 'invalid_field 1'],
  [sub({ ack_wait_ms: 0 }), 'invalid_field 1'],
  [sub({ max_deliver: -1 }), 'invalid_field 1'],
  [sub({ ordering: 'constructor' }), 'invalid_field 1'],
  [sub({ exclusive: 'yes' }), 'invalid_field 1'],
  [start('latest'), 'bad_cursor 1'],
  [start([]), 'bad_cursor 1'],
  [start({}), 'bad_cursor 1'],
  [start({ from: 'now' }), 'bad_cursor 1'],
  [start({ from: 5, sequence: 1 }), 'bad_cursor 1'],
  [start({ from: 'earliest', sequence: 1 }), 'bad_cursor 1'],
  [start({ from: 'sequence' }), 'bad_cursor 1'],
  [start({ from: 'sequence', sequence: null }), 'bad_cursor 1'],
  [start({ from: 'sequence', sequence: -1 }), 'bad_cursor 1'],
  [start({ from: 'sequence', sequence: 1.5 }), 'bad_cursor 1'],
  [start({ from: 'sequence', sequence: '5' }), 'bad_cursor 1'],
  [start({ from: 'sequence', sequence: 2 ** 53 }), 'bad_cursor 1'],
  [start({ from: 'sequence', sequence: 1, epoch: '' }), 'bad_cursor 1'],
  [start({ from: 'sequence', sequence: 1, epoch: 'ABC' }), 'bad_cursor 1'],
  [start({ from: 'sequence', sequence: 1, epoch: 'a'.repeat(33) }), 'bad_cursor 1'],
  [start({ from: 'sequence', sequence: 1, epoch: 7 }), 'bad_cursor 1'],
  [start({ from: 'time' }), 'bad_cursor 1'],
  [start({ from: 'time', time: 'yesterday' }), 'bad_cursor 1'],
  [start({ from: 'time', time: 0 }), 'bad_cursor 1'],
  [{ type: 'unsubscribe', ref: 1 }, 'topic_required 1'],
  [ack({}), 'invalid_field 1'],
  [ack({ message_id: 'abc' }), 'unknown_delivery 1'],
  [ack({ message_id: 5 }), 'unknown_delivery 1'],
  [ack({ message_id: `${ID}x` }), 'unknown_delivery 1'],
  [ack({ message_id: ID.replaceAll('-', '_') }), 'unknown_delivery 1'],
  [ack({ message_id: ID, cumulative: true }), 'invalid_field 1'],
  [ack({ sequence: 5 }), 'topic_required 1'],
  [ack({ topic: 'a' }), 'invalid_field 1'],
  [ack({ topic: 'a', sequence: 0 }), 'unknown_delivery 1'],
  [ack({ topic: 'a', sequence: -1 }), 'unknown_delivery 1'],
  [ack({ topic: 'a', sequence: 1.5 }), 'unknown_delivery 1'],
  [ack({ topic: 'a', sequence: 2 ** 53 }), 'unknown_delivery 1'],
  [ack({ topic: 'a', sequence: '5' }), 'invalid_field 1'],
  [ack({ topic: 'a', sequence: 5, cumulative: 1 }), 'invalid_field 1'],
  [{ type: 'nack', message_id: ID, delay_ms: -1, ref: 1 }, 'invalid_field 1'],
  [{ type: 'nack', message_id: ID, reason: 5, ref: 1 }, 'invalid_field 1'],
  [{ type: 'reject', message_id: ID, reason: 'x'.repeat(1_025), ref: 1 }, 'invalid_field 1'],
  [{ type: 'extend', message_id: ID, ms: 0, ref: 1 }, 'invalid_field 1'],
  [{ type: 'publish', topic: 'a', ref: 1 }, 'payload_required 1'],
  [{ type: 'publish', payload: 1, ref: 'p' }, 'topic_required p'],
  [{ type: 'publish', topic: 'a', payload: 'x'.repeat(256 * 1024), ref: 1 }, 'payload_too_large 1'],
];

t.test('what is wrong has its code and its ref, and the next frame is read', async (t) => {
  const heartbeat = { type: 'heartbeat' };
  for (const [frame, expected] of BAD) {
    const text = JSON.stringify(frame);
    const both = json(`${text}${RS}${JSON.stringify(heartbeat)}`);
    t.same(both.order, [expected, 'heartbeat'], text.slice(0, 70));
    t.same(msgpack(pack(frame), pack(heartbeat)).order, [expected, 'heartbeat'], 'msgpack');
    t.ok((both.errors[0]?.error.message.length ?? 999) < 200, 'a short detail');
  }
});

t.test('an ack of a sequence beyond 2^53 is never rounded to one that exists', async (t) => {
  for (const digits of ['9007199254740992', '18446744073709551615', '1e999', '9007199254740993']) {
    const text = `{"type":"ack","topic":"a","sequence":${digits},"ref":1}`;
    t.same(json(text).order, ['unknown_delivery 1'], digits);
  }
  for (const sequence of [2n ** 64n - 1n, 2n ** 53n, -(2n ** 63n)]) {
    t.same(msgpack(pack({ type: 'ack', topic: 'a', sequence, ref: 1 })).order, [
      'unknown_delivery 1',
    ]);
  }
  const [frame] = msgpack(pack({ type: 'ack', topic: 'a', sequence: 7n })).frames;
  t.match(frame, { sequence: 7 }, 'a small uint64 is taken');
});

t.test('a text that is no frame', async (t) => {
  const cases: readonly [string | Uint8Array, string[], string[]][] = [
    ['', ['invalid_json'], ['invalid_json']],
    [' ', ['invalid_json'], ['invalid_json']],
    ['hello', ['invalid_json'], ['invalid_json']],
    ['{', ['invalid_json'], ['invalid_json']],
    ['{"type":"heartbeat"}x', ['invalid_json'], ['invalid_json']],
    ['{"ref":5,"type":"heartbeat"', ['invalid_json 5'], ['invalid_json 5']],
    ['[]', ['body_must_be_object'], ['body_must_be_object']],
    ['null', ['body_must_be_object'], ['body_must_be_object']],
    ['"ack"', ['body_must_be_object'], ['body_must_be_object']],
    ['['.repeat(200_000), ['too_deep'], ['too_deep']],
    [Buffer.from([0x22, 0xff, 0x22]), ['invalid_utf8'], ['invalid_utf8']],
    [RS, ['invalid_json'], ['invalid_json']],
    [`{"type":"heartbeat"}${RS}`, ['invalid_json'], ['heartbeat']],
    [`{"type":"ack","message_id":"${ID}"}${RS}`, ['invalid_json'], ['ack']],
    [`{"type":"heartbeat"}${RS}{"type":"heartbeat"}`, ['invalid_json'], ['heartbeat', 'heartbeat']],
  ];
  for (const [message, single, joined] of cases) {
    t.same(json(message, 'single').order, single, String(message).slice(0, 40));
    t.same(json(message, 'joined').order, joined);
  }
});

t.test('a bad frame among joined ones spoils no other', async (t) => {
  const beat = '{"type":"heartbeat"}';
  const bad = [
    '',
    '{',
    '{"type":"ack","message_id":"',
    'x',
    '[1,',
    `{"type":${'['.repeat(99)}`,
    '"\\u00',
  ];
  for (const middle of bad) {
    const { order } = json([beat, middle, beat].join(RS));
    t.equal(order.filter((one) => one === 'heartbeat').length, 2, middle.slice(0, 30));
    t.equal(order.length, middle === '' ? 2 : 3, 'nothing between separators is let pass');
  }
  const [first, last] = [Buffer.from(`${beat}${RS}"`), Buffer.from(`"${RS}${beat}`)];
  const utf8 = Buffer.concat([first, Buffer.from([0xff]), last]);
  t.same(json(utf8).order, ['heartbeat', 'invalid_utf8', 'heartbeat']);
  t.same(json(`\n${beat}\n${RS} ${beat}\r\n`).order, ['heartbeat', 'heartbeat'], 'spaces around');
});

t.test('acks by id are read alike by shape and by fields', async (t) => {
  const plain = `{"type":"ack","message_id":"${ID}"}`;
  const ids = json([plain, plain, ` ${plain}`, plain.replace('k"', '\\u006b"')].join(RS)).frames;
  t.equal(ids.length, 4);
  for (const frame of ids) {
    t.ok(frame.type === 'ack' && frame.messageId !== null && formatUuid(frame.messageId) === ID);
  }
  t.same(json(plain.replace(ID, ID.replace('a', 'g'))).order, ['unknown_delivery']);
  t.same(json(`${plain}x`).order, ['invalid_json']);
  t.same(json(plain.slice(0, -1)).order, ['invalid_json']);
});

t.test('a msgpack frame cut anywhere is one error, after the frames before it', async (t) => {
  const beat = pack({ type: 'heartbeat' });
  const frame = pack({ type: 'ack', topic: 'orders', sequence: 300, cumulative: true });
  for (let end = 1; end < frame.length; end++) {
    t.same(msgpack(beat, frame.subarray(0, end)).order, ['heartbeat', 'invalid_msgpack'], `${end}`);
  }
});

t.test(
  'a msgpack frame of known bounds is skipped, one of unknown bounds ends the message',
  async (t) => {
    const beat = pack({ type: 'heartbeat' });
    const hex = (text: string) => Buffer.from(text, 'hex');
    const cases: readonly [string, Uint8Array, string[]][] = [
      ['an ext', hex('82a372656601a178d40100'), ['ext_not_allowed 1', 'heartbeat']],
      ['bad UTF-8', hex('82a372656601a178a1ff'), ['invalid_utf8 1', 'heartbeat']],
      ['an array', hex('9101'), ['body_must_be_object', 'heartbeat']],
      ['0xc1', hex('82a372656602c1'), ['invalid_msgpack 2']],
      ['a huge length', hex('dfffffffff'), ['invalid_msgpack']],
      ['too deep', Buffer.alloc(100_000, 0x91), ['too_deep']],
      ['nothing', Buffer.alloc(0), ['heartbeat']],
    ];
    for (const [what, middle, expected] of cases)
      t.same(msgpack(middle, beat).order, expected, what);
    t.same(msgpack().order, ['invalid_msgpack'], 'an empty message');
  },
);

t.test('the errors of one message are bounded', async (t) => {
  t.equal(json(`1${RS}`.repeat(200_000)).errors.length, BAD_FRAMES_MAX);
  t.equal(msgpack(Buffer.alloc(200_000)).errors.length, BAD_FRAMES_MAX);
});

t.test('what stands behind the last bad frame is not read, and that is told', async (t) => {
  const beat = '{"type":"heartbeat"}';
  const read = {
    json: (bad: number) => json(`${`1${RS}`.repeat(bad)}${beat}`),
    msgpack: (bad: number) => msgpack(Buffer.alloc(bad), pack({ type: 'heartbeat' })),
  };
  for (const [format, after] of Object.entries(read)) {
    t.same(after(BAD_FRAMES_MAX - 1).order.slice(-1), ['heartbeat'], format);
    t.same(after(BAD_FRAMES_MAX).order.slice(-2), ['body_must_be_object', 'too many'], format);
  }
  const all = json(`${`1${RS}`.repeat(BAD_FRAMES_MAX - 1)}1`).order;
  t.equal(all.includes('too many'), false, 'all were read');
});

t.test('a sink that wants no more is given no more', async (t) => {
  class Two extends Collected {
    override frame(frame: ClientFrame): void {
      super.frame(frame);
      this.wantsMore = this.frames.length < 2;
    }
  }
  const [text, bytes] = [new Two(), new Two()];
  const frames = Array.from({ length: 5 }, () => ({ type: 'heartbeat' }));
  const joined = frames.map((frame) => JSON.stringify(frame)).join(RS);
  decodeJsonFrames(Buffer.from(joined), text, 'joined');
  decodeMsgpackFrames(Buffer.concat(frames.map((frame) => pack(frame))), bytes);
  t.same([text.order.length, bytes.order.length], [2, 2]);
});

t.test('what a sink throws is not taken for a bad frame', async (t) => {
  const sink: FrameSink = {
    limits: DEFAULT_LIMITS,
    frame() {
      throw new Error('a bug');
    },
    wantsMore: true,
    bad: () => t.fail('not the client'),
    tooManyBad: () => t.fail('not the client'),
  };
  const beat = Buffer.from('{"type":"heartbeat"}');
  t.throws(() => decodeJsonFrames(beat, sink, 'joined'), { message: 'a bug' });
});
