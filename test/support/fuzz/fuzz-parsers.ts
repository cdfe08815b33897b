/**
 * What is fuzzed: every parser of what a stranger sends. Each has inputs to begin from, and says what became
 * of one: the codes it was refused with, none if it was taken. It throws for what must not be: any other
 * error, and whatever another reader of the same bytes (JSON.parse, msgpackr) makes something else of. A
 * parser is a line of PARSERS.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { pack, unpack } from 'msgpackr';
import { type ErrorCode, RequestError } from '../../../src/core/errors.js';
import {
  type ClientFrame,
  decodeJsonFrames,
  decodeMsgpackFrames,
  type FrameSink,
  type JsonFraming,
} from '../../../src/wire/client-frame.js';
import {
  type BatchItem,
  decodeBatchJson,
  decodeBatchMsgpack,
  decodeBatchNdjson,
  decodePublishJson,
  decodePublishMsgpack,
  type PublishRequest,
} from '../../../src/wire/publish.js';
import { apiKeyParser } from './fuzz-keys.js';
import type { Codes, FuzzParser } from './fuzz-parser.js';
import { tokenParser } from './fuzz-tokens.js';
import { frames, publishes, SMALL, type Values, wellFormed } from './wire-values.js';

/** Of those that are sampled so many that are taken are kept, and so many that are not. */
const SAMPLED = 3_000;
const TAKEN = 400;
const REFUSED = 100;
const SEPARATOR = '\u001e';

// biome-ignore format: words
const JSON_WORDS = [
  '"topic":"b",', '"payload":{},', '"key":"k",', '"headers":{},', '"dedupe_key":"a",', '"ttl_ms":1,', '"delay_ms":0,',
  '"ref":1,', '"deliver_at":"2026-01-01T00:00:00Z",', '"type":"ack",', '"sequence":1,', '"start":{},', 'null', '"x":[],',
  'true', '{', '}', '[', ']', '[[', ',', ':', '"', '\\', '\\u0000', '\\ud800', '\\udc00', '\\', '-0', '1e999', '1.5',
  '9007199254740993', '\u001e', '\n', '\ufeff', '/**/', '{"messages":[', '{"type":"ack","message_id":"',
  '0198b6f0-1c2d-7abc-8def-0123456789ab', '"__proto__":', '"constructor":', '"\\u0074opic":"b"', '\u0000', ' ',
].map((word) => Buffer.from(word));
const MSGPACK_WORDS = [
  ...[
    'topic',
    'payload',
    'type',
    'ack',
    'publish',
    'key',
    'headers',
    'ref',
    'sequence',
    null,
    true,
    -1,
    2 ** 40,
  ],
  ...[{}, [], { topic: 'a' }, [[[]]], 1.5, 2 ** 63, '', Buffer.of(1, 2), { messages: [] }],
]
  .map((value) => Buffer.from(pack(value)))
  // Lengths that nothing follows, ext types, what is no msgpack.
  .concat(
    [
      'dbffffffff',
      'c6ffffffff',
      'ddffffffff',
      'dfffffffff',
      'd6ff00000000',
      'c1',
      'cf',
      'd3ffffffffffffffff',
    ].map((hex) => Buffer.from(hex, 'hex')),
  );

const asJson = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const asMsgpack = (value: Values): Buffer => Buffer.from(pack(wellFormed(value)));

interface Sampled<V> {
  arbitrary: fc.Arbitrary<V>;
  encode: (value: V) => Buffer;
  words: readonly Buffer[];
  take: (input: Buffer) => Codes;
}

/** One whose inputs begin as values that clients mean. */
function parserOf<V>({ arbitrary, encode, words, take }: Sampled<V>): FuzzParser {
  const corpus = (seed: number): Buffer[] => {
    const inputs = fc.sample(arbitrary, { seed, numRuns: SAMPLED }).map(encode);
    const taken = inputs.filter((input) => take(input).length === 0);
    const refused = inputs.filter((input) => !taken.includes(input));
    return [...taken.slice(0, TAKEN), ...refused.slice(0, REFUSED)];
  };
  return { corpus, words, take };
}

const batches = fc.array(publishes, { maxLength: 4 });

const OF_JSON = { encode: asJson, words: JSON_WORDS };
const OF_MSGPACK = { encode: asMsgpack, words: MSGPACK_WORDS };
const asLines = (list: readonly Values[]): Buffer =>
  Buffer.from(list.map((one) => JSON.stringify(one)).join('\n'));
const inBatch = batches.map((messages): Values => ({ messages }));

export const PARSERS: Readonly<Record<string, () => FuzzParser>> = {
  'publish, JSON': () =>
    parserOf({
      ...{ ...OF_JSON, arbitrary: publishes },
      take: (input) => refusal(() => sameAsJson(input, decodePublishJson(input, SMALL)), input),
    }),
  'publish, msgpack': () =>
    parserOf({
      ...{ ...OF_MSGPACK, arbitrary: publishes },
      take: (input) => refusal(() => sameAsMsgpack(input, decodePublishMsgpack(input, SMALL))),
    }),
  'batch, JSON': () =>
    parserOf({
      ...{ ...OF_JSON, arbitrary: inBatch },
      take: (input) => itemCodes(() => decodeBatchJson(input, SMALL)),
    }),
  'batch, NDJSON': () =>
    parserOf({
      ...{ arbitrary: batches, encode: asLines, words: JSON_WORDS },
      take: (input) => itemCodes(() => decodeBatchNdjson(input, SMALL)),
    }),
  'batch, msgpack': () =>
    parserOf({
      ...{ ...OF_MSGPACK, arbitrary: inBatch },
      take: (input) => itemCodes(() => decodeBatchMsgpack(input, SMALL)),
    }),
  'WebSocket, JSON': () =>
    parserOf({
      ...{ ...OF_JSON, arbitrary: frames },
      take: (input) => [...takeJson(input, 'joined'), ...takeJson(input, 'single')],
    }),
  'WebSocket, msgpack': () =>
    parserOf({
      ...{ ...OF_MSGPACK, arbitrary: frames },
      take: (input) => {
        const seen = new SeenFrames();
        decodeMsgpackFrames(input, seen);
        return seen.codes;
      },
    }),
  'API keys': apiKeyParser,
  tokens: tokenParser,
};

/** `input`: JSON alone; what JSON.parse takes is not to be refused as no JSON. */
function refusal(read: () => void, input?: Buffer): Codes {
  try {
    read();
    return [];
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    if (error.code === 'invalid_json' && input !== undefined) {
      assert.throws(() => JSON.parse(input.toString('utf8')), 'JSON.parse takes what was refused');
    }
    return [error.code];
  }
}

function sameAsJson(input: Buffer, read: PublishRequest): void {
  const meant = JSON.parse(input.toString('utf8')) as Values;
  assert.equal(read.topic, meant['topic']);
  assert.deepEqual(JSON.parse(Buffer.from(read.payload).toString('utf8')), meant['payload']);
}

function sameAsMsgpack(input: Buffer, read: PublishRequest): void {
  // Of a name that is there as binary too msgpackr makes one member.
  if (input.indexOf('topic') !== input.lastIndexOf('topic')) return;
  const meant = unpackOrNull(input);
  if (meant !== null) assert.equal(read.topic, meant['topic']);
}

/** msgpackr takes less than msgpack is. */
function unpackOrNull(input: Buffer): Values | null {
  try {
    return unpack(input) as Values;
  } catch {
    return null;
  }
}

function itemCodes(read: () => BatchItem[]): Codes {
  let items: BatchItem[] = [];
  const whole = refusal(() => {
    items = read();
  });
  return [...whole, ...items.flatMap((item) => (item instanceof RequestError ? [item.code] : []))];
}

/** What a session would have done with a message. */
class SeenFrames implements FrameSink {
  readonly limits = SMALL;
  readonly wantsMore = true;
  readonly types: ClientFrame['type'][] = [];
  readonly codes: ErrorCode[] = [];

  frame({ type }: ClientFrame): void {
    this.types.push(type);
  }

  bad({ code }: RequestError): void {
    this.codes.push(code);
  }

  tooManyBad(): void {
    assert.ok(this.codes.length > 0);
  }
}

function takeJson(input: Buffer, framing: JsonFraming): Codes {
  const seen = new SeenFrames();
  decodeJsonFrames(input, seen, framing);
  const text = input.toString('utf8');
  const parts = framing === 'single' ? [text] : text.split(SEPARATOR).filter((part) => part !== '');
  assert.ok(seen.types.length <= parts.length, 'more frames than there are');
  if (seen.codes.length > 0) return seen.codes;
  const meant = parts.map((part) => (JSON.parse(part) as Values)['type']);
  assert.deepEqual(seen.types, meant);
  return [];
}
