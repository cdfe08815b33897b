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
import {
  frames,
  publishes,
  SMALL,
  type Values,
  wellFormed,
} from '../../support/fuzz/wire-values.js';
import { outcomeOf } from './outcome.js';

const PUBLISH = publish(SMALL);
const FRAMES = clientFrames(SMALL);
const TTL_MS_MAX = LIMITS.retentionHours.max * 3_600_000;
const RUNS = { numRuns: 1_500, seed: 20_261_126 };

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
    t.equal(taken.size, 10, JSON.stringify([...taken]));
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
