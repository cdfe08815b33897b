/** What publishes and frames say, as clients mean it, and at times not quite: for properties and fuzzing. */
import fc from 'fast-check';
import { DEFAULT_LIMITS } from '../../../src/core/limits.js';

/** Few, so that a short text is too long: of names, keys and headers. */
export const SMALL = {
  ...DEFAULT_LIMITS,
  topicNameBytesMax: 12,
  keyBytesMax: 6,
  dedupeKeyBytesMax: 6,
  headerPairsMax: 2,
  headerBytesMax: 40,
  delayMsMax: 1_000,
};
export type Values = Record<string, unknown>;

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
export const publishes = fc
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
  hello: some({
    client: mostly(['c', 'ä'.repeat(64)], '', 'x'.repeat(65), 1, null),
    version: mostly(['1', '', null, 'ä'.repeat(64)], 'x'.repeat(65), 1),
  }),
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
export const frames = fc
  .constantFrom(...Object.keys(FRAME_FIELDS))
  .chain((type) => fc.tuple(fc.constant(type), target, FRAME_FIELDS[type] ?? some({}), ref))
  .map(([type, of, fields, mark]): Values => ({ ...of, ...fields, ...mark, type }));

/** No text of msgpack holds half a surrogate pair. */
export function wellFormed(values: Values): Values {
  const whole = (_: string, value: unknown): unknown =>
    typeof value === 'string' ? Buffer.from(value).toString() : value;
  return JSON.parse(JSON.stringify(values), whole) as Values;
}
