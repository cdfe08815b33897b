// Goal: the scanners, which read publishes and frames, and the schemas, which say what these are, take and
// refuse the same, with the same values, in both formats. Where they differ on purpose is listed below: there
// the bytes count, and a schema sees the values only.
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { pack, unpack } from 'msgpackr';
import t from 'tap';
import { DEFAULT_LIMITS, LIMITS } from '../../../src/core/limits.js';
import { parseRfc3339 } from '../../../src/core/time.js';
import {
  type ClientFrame,
  decodeJsonFrames,
  decodeMsgpackFrames,
} from '../../../src/wire/client-frame.js';
import {
  decodePublishJson,
  decodePublishMsgpack,
  type PublishRequest,
} from '../../../src/wire/publish.js';
import { clientFrames } from '../../../src/wire/schemas/frames.js';
import { publish } from '../../../src/wire/schemas/publishes.js';
import { outcomeOf } from './outcome.js';

/** Few, so that a short text is too long: of names, keys and headers. */
const SMALL = {
  ...DEFAULT_LIMITS,
  topicNameBytesMax: 12,
  keyBytesMax: 6,
  dedupeKeyBytesMax: 6,
  headerPairsMax: 2,
  headerBytesMax: 40,
  delayMsMax: 1_000,
};
const PUBLISH = publish(SMALL);
const FRAMES = clientFrames(SMALL);
const TTL_MS_MAX = LIMITS.retentionHours.max * 3_600_000;
const RUNS = { numRuns: 1_500, seed: 20_261_126 };

type Values = Record<string, unknown>;

const ID = '0198b6f0-1c2d-7abc-8def-0123456789ab';
const junk = fc.constantFrom<unknown>(null, true, [], {}, ['a'], { a: 1 }, '', 0, -1, 'junk');
/** What is meant, at times what is not quite it, or anything. */
const mostly = <T>(meant: readonly T[], ...odd: unknown[]): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 24, arbitrary: fc.constantFrom(...meant) },
    { weight: 1, arbitrary: odd.length === 0 ? junk : fc.constantFrom(...odd) },
    { weight: 1, arbitrary: junk },
  );

const ODD_NUMBERS = [-1, 1.5, 2 ** 53, -(2 ** 53), 3_600_001, 1_001, 0];
const ODD_NAMES = ['a..b', '.a', '', '  ', 'x'.repeat(13), 'ä', 'a b', 'a/b'];
const name = mostly(['a', 'a.b', 'A_b:c-d'], ...ODD_NAMES);
const key = mostly(
  ['k', 'ké', '😀', ' '],
  '\0',
  'a\u0001',
  '\u007f',
  '\ud800',
  '😀😀',
  '',
  'x'.repeat(7),
);
const headers = fc.oneof(
  { weight: 9, arbitrary: fc.dictionary(fc.constantFrom('a', 'b', 'ä'), fc.string()) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      { a: 1 },
      { a: null },
      { a: 'x'.repeat(40) },
      { a: '', b: '', c: '' },
    ),
  },
);

/** None, or a choice of these members. */
const some = (shape: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Values> =>
  fc.record(shape, { requiredKeys: [] });

const start = some({
  from: mostly(['latest', 'earliest', 'sequence', 'time'], 'middle'),
  sequence: mostly([0, -0, 1, 2 ** 53 - 1], ...ODD_NUMBERS),
  epoch: mostly(['1a', 'a'.repeat(32)], 'NO', '', 'a'.repeat(33)),
  time: mostly(['2026-01-01T00:00:00Z'], 'soon', ''),
  more: junk,
});

const publishFields = {
  key,
  headers,
  dedupe_key: key,
  ttl_ms: mostly([1, 1_000, 2 ** 53 - 1], ...ODD_NUMBERS),
  delay_ms: mostly([0, -0, 1_000], ...ODD_NUMBERS),
  deliver_at: mostly(['2026-01-01T00:00:00Z', '1960-01-01T00:00:00.5+01:00'], 'soon'),
  more: junk,
};
const payload = fc.jsonValue({ maxDepth: 2 });
const publishes = fc
  .tuple(some({ ...publishFields }), some({ topic: name, payload }), name, payload)
  .chain(([fields, part, topic, value]) =>
    // Mostly with both that it needs.
    fc
      .nat(9)
      .map(
        (n): Values => (n === 0 ? { ...fields, ...part } : { ...fields, topic, payload: value }),
      ),
  );

const FRAME_FIELDS: Readonly<Record<string, fc.Arbitrary<Values>>> = {
  subscribe: some({
    subscription: name,
    ack: mostly(['explicit', 'none'], 'all'),
    max_in_flight: mostly([1, 1_000], ...ODD_NUMBERS),
    start,
    ack_wait_ms: mostly([1, 3_600_000], ...ODD_NUMBERS),
    max_deliver: mostly([1, 1_000], ...ODD_NUMBERS),
    ordering: mostly(['none', 'key', 'topic'], 'random'),
    exclusive: mostly([true, false], 1, 'true'),
  }),
  unsubscribe: some({ subscription: name }),
  ack: some({ subscription: name, cumulative: mostly([true, false], 1) }),
  nack: some({
    delay_ms: mostly([0, 1_000], ...ODD_NUMBERS),
    reason: mostly(['r', 'x'.repeat(1_024)], 'x'.repeat(1_025)),
  }),
  extend: some({ ms: mostly([1, 3_600_000], ...ODD_NUMBERS) }),
  reject: some({ reason: mostly(['r', 'ä'.repeat(1_024)], 'x'.repeat(1_025)), subscription: name }),
  publish: publishes,
  heartbeat: some({ more: junk }),
  refresh: some({ token: mostly(['t', '', 'ä'.repeat(2_560)], 'x'.repeat(2_561), 1, null) }),
  other: some({}),
};
const target = fc.oneof(
  fc.record({ topic: name, sequence: mostly([1, 2 ** 53 - 1], ...ODD_NUMBERS) }),
  some({
    topic: name,
    sequence: junk,
    message_id: mostly([ID, ID.toUpperCase()], `${ID}0`, 'none'),
  }),
);
const ref = some({ ref: mostly([1, 1.5, -0, 'r', 'x'.repeat(255)], 'x'.repeat(256), 2 ** 53) });
const frames = fc
  .constantFrom(...Object.keys(FRAME_FIELDS))
  .chain((type) => fc.tuple(fc.constant(type), target, FRAME_FIELDS[type] ?? some({}), ref))
  .map(([type, of, fields, mark]): Values => ({ ...of, ...fields, ...mark, type }));

/** No text of msgpack holds half a surrogate pair. */
function wellFormed(values: Values): Values {
  const whole = (_: string, value: unknown): unknown =>
    typeof value === 'string' ? Buffer.from(value).toString() : value;
  return JSON.parse(JSON.stringify(values), whole) as Values;
}

const FORMATS = {
  JSON: {
    encode: (values: Values): Buffer => Buffer.from(JSON.stringify(values)),
    publish: decodePublishJson,
    payloadOf: (bytes: Uint8Array): unknown => JSON.parse(Buffer.from(bytes).toString()),
    /** What the sender meant: JSON has no -0 of its own, and keeps half a pair by an escape. */
    meant: (values: Values): Values => JSON.parse(JSON.stringify(values)) as Values,
  },
  msgpack: {
    encode: (values: Values): Buffer => Buffer.from(pack(wellFormed(values))),
    publish: decodePublishMsgpack,
    payloadOf: (bytes: Uint8Array): unknown => unpack(bytes),
    meant: (values: Values): Values => unpack(pack(wellFormed(values))) as Values,
  },
} as const;
type Format = keyof typeof FORMATS;

function frameOf(format: Format, bytes: Buffer): ClientFrame | string {
  let seen: ClientFrame | string = 'nothing';
  const sink = {
    limits: SMALL,
    wantsMore: true,
    frame: (frame: ClientFrame): void => {
      seen = frame;
    },
    bad: ({ code }: { code: string }): void => {
      seen = code;
    },
    tooManyBad: (): void => undefined,
  };
  if (format === 'JSON') decodeJsonFrames(bytes, sink, 'single');
  else decodeMsgpackFrames(bytes, sink);
  return seen;
}

/** A publish by the names and units of the wire. */
function wireOf(format: Format, request: PublishRequest): Values {
  return {
    topic: request.topic,
    payload: FORMATS[format].payloadOf(request.payload),
    key: request.key,
    headers: JSON.parse(request.headers ?? '{}') as unknown,
    dedupe_key: request.dedupeKey,
    ttl_ms: request.ttlMs,
    delay_ms: request.delayMs,
    deliver_at: request.deliverAtMs,
  };
}

/** What the schema read, where a publish makes one of two: nothing given, and nothing asked for. */
function settled(read: Values): Values {
  const { headers: map, ttl_ms: ttl, delay_ms: delay, deliver_at: at } = read;
  const atMs = typeof at === 'string' ? Math.max(1, parseRfc3339(at) ?? 0) : 0;
  const { topic, payload, key, dedupe_key } = read;
  const ttl_ms = Math.min(Number(ttl ?? 0), TTL_MS_MAX);
  const rest = { headers: map ?? {}, ttl_ms, delay_ms: Number(delay ?? 0), deliver_at: atMs };
  return { topic, payload, key, dedupe_key, ...rest };
}

const CAMEL: Readonly<Record<string, string>> = {
  maxInFlight: 'max_in_flight',
  ackWaitMs: 'ack_wait_ms',
  maxDeliver: 'max_deliver',
  delayMs: 'delay_ms',
};

function frameByWire(format: Format, frame: ClientFrame): Values {
  if (frame.type === 'publish') {
    const { type, ref, publish: request } = frame;
    return { type, ref, ...wireOf(format, request) };
  }
  return Object.fromEntries(
    Object.entries(frame).map(([member, value]) => [CAMEL[member] ?? member, value]),
  );
}

for (const format of Object.keys(FORMATS) as Format[]) {
  const { encode, meant, publish: decode } = FORMATS[format];

  t.test(`${format}: publishes`, async (t) => {
    let taken = 0;
    fc.assert(
      fc.property(publishes, (values) => {
        const scanned = outcomeOf(() => decode(encode(values), SMALL));
        const read = PUBLISH.safeParse(meant(values));
        if (typeof scanned === 'string') return !read.success;
        taken++;
        const known = read.success ? settled(read.data) : null;
        return isDeepStrictEqual(known, wireOf(format, scanned));
      }),
      RUNS,
    );
    t.ok(taken > RUNS.numRuns / 20, `${taken} were taken`);
  });

  t.test(`${format}: frames`, async (t) => {
    const taken = new Map<string, number>();
    fc.assert(
      fc.property(frames, (values) => {
        const scanned = frameOf(format, encode(values));
        const read = FRAMES.safeParse(meant(values));
        if (typeof scanned === 'string') return !read.success;
        taken.set(scanned.type, (taken.get(scanned.type) ?? 0) + 1);
        if (!read.success) return false;
        const { type, ref } = read.data;
        const known = type === 'publish' ? { type, ref, ...settled(read.data) } : read.data;
        return isDeepStrictEqual(known, frameByWire(format, scanned));
      }),
      RUNS,
    );
    t.equal(taken.size, 9, JSON.stringify([...taken]));
  });
}

t.test('what a schema takes and a scanner refuses, since it sees the bytes', async (t) => {
  const taken = (body: string): boolean => PUBLISH.safeParse(JSON.parse(body)).success;
  const cases: readonly [body: string, code: string][] = [
    // JSON.parse keeps the last of two.
    ['{"topic":"a","topic":"b","payload":1}', 'duplicate_key'],
    ['{"topic":"a","payload":1,"headers":{"a":"1","a":"2"}}', 'duplicate_key'],
    // It makes another number of one with too many digits.
    ['{"topic":"a","payload":1,"ttl_ms":1.00000000000000000001}', 'invalid_field'],
    ['{"topic":"a","payload":1,"ttl_ms":9007199254740990.9999}', 'invalid_field'],
    // What is bounded is bounded as it is sent.
    [
      `{"topic":"a","payload":"${'x'.repeat(DEFAULT_LIMITS.payloadBytesMax)}"}`,
      'payload_too_large',
    ],
    [`{"topic":"a","payload":1,"headers":{"a":"${'\\u0041'.repeat(8)}"}}`, 'invalid_field'],
    [`{"topic":"a","payload":${'['.repeat(65)}${']'.repeat(65)}}`, 'too_deep'],
  ];
  for (const [body, code] of cases) {
    t.equal(
      outcomeOf(() => decodePublishJson(Buffer.from(body), SMALL)),
      code,
      body.slice(0, 60),
    );
    t.equal(taken(body), true, body.slice(0, 60));
  }
});

t.test(
  'what a schema leaves out and a scanner keeps: a header of the name __proto__',
  async (t) => {
    const body = '{"topic":"a","payload":1,"headers":{"__proto__":"1","a":"2"}}';
    t.equal(decodePublishJson(Buffer.from(body), SMALL).headers, '{"__proto__":"1","a":"2"}');
    t.same(PUBLISH.parse(JSON.parse(body)).headers, { a: '2' });
  },
);
