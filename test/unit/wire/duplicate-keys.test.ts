// Goal: a field that is given twice is refused by name wherever a body or a frame is read, in both formats
// and however it is written; what is not read (the payload, unknown fields) may hold what it likes.
import { pack } from 'msgpackr';
import t from 'tap';
import { RequestError } from '../../../src/core/errors.js';
import { DEFAULT_LIMITS } from '../../../src/core/limits.js';
import {
  decodeJsonFrames,
  decodeMsgpackFrames,
  type FrameSink,
  type Ref,
} from '../../../src/wire/client-frame.js';
import { parseJsonBody } from '../../../src/wire/json-body.js';
import {
  type BatchItem,
  decodeBatchJson,
  decodeBatchMsgpack,
  decodeBatchNdjson,
  decodePublishJson,
  decodePublishMsgpack,
} from '../../../src/wire/publish.js';
import { errorOf } from './outcome.js';

const LIMITS = DEFAULT_LIMITS;

/** A msgpack map of these pairs, in this order, however often a name comes. */
function map(...pairs: [name: string, value: unknown][]): Buffer {
  const parts = pairs.flatMap(([name, value]) => [
    pack(name),
    Buffer.isBuffer(value) ? value : pack(value),
  ]);
  return Buffer.concat([Buffer.from([0x80 | pairs.length]), ...parts]);
}

function list(...items: Buffer[]): Buffer {
  return Buffer.concat([Buffer.from([0x90 | items.length]), ...items]);
}

function told(error: BatchItem | undefined): unknown {
  return error instanceof RequestError ? [error.code, error.field] : error;
}

function frameError(decode: (sink: FrameSink) => void): [string, string | undefined, Ref] | null {
  const errors: [string, string | undefined, Ref][] = [];
  decode({
    limits: LIMITS,
    wantsMore: true,
    frame: () => undefined,
    tooManyBad: () => undefined,
    bad: (error, ref) => errors.push([error.code, error.field, ref]),
  });
  return errors[0] ?? null;
}

const parseBody = (body: string): unknown => parseJsonBody(Buffer.from(body), LIMITS.depthMax);

const OTHER: [name: string, value: string][] = [
  ['topic', '"a"'],
  ['payload', '1'],
  ['key', '"k"'],
  ['headers', '{}'],
  ['dedupe_key', '"d"'],
  ['ttl_ms', '1'],
  ['delay_ms', '1'],
  ['deliver_at', 'null'],
];

t.test('every field of a publish, alone and in batches', async (t) => {
  for (const [field, value] of OTHER) {
    const body = `{"topic":"a","payload":1,"${field}":${value},"${field}":${value}}`;
    const expected = ['duplicate_key', field];
    t.same(told(errorOf(() => decodePublishJson(Buffer.from(body), LIMITS))), expected, body);
    const parsed: unknown = JSON.parse(value);
    const packed = map(['topic', 'a'], ['payload', 1], [field, parsed], [field, parsed]);
    t.same(told(errorOf(() => decodePublishMsgpack(packed, LIMITS))), expected, `${field} msgpack`);
    const good = '{"topic":"a","payload":1}';
    const json = decodeBatchJson(Buffer.from(`{"messages":[${good},${body},${good}]}`), LIMITS);
    t.same(told(json[1]), expected);
    t.match(json[2], { topic: 'a' }, 'the others are read');
    const lines = decodeBatchNdjson(Buffer.from(`${good}\n${body}\n${good}`), LIMITS);
    t.same(told(lines[1]), expected);
    t.match(lines[2], { topic: 'a' });
    const one = pack({ topic: 'a', payload: 1 });
    const items = decodeBatchMsgpack(map(['messages', list(one, packed, one)]), LIMITS);
    t.same(told(items[1]), expected);
    t.match(items[2], { topic: 'a' });
  }
});

t.test('a name is the same name with escapes in it', async (t) => {
  const body = '{"topic":"a","t\\u006fpic":"b","payload":1}';
  t.same(told(errorOf(() => decodePublishJson(Buffer.from(body), LIMITS))), [
    'duplicate_key',
    'topic',
  ]);
});

t.test('a header', async (t) => {
  for (const headers of [
    '{"a":"1","a":"1"}',
    '{"a":1,"b":"x","\\u0061":"2"}',
    '{"__proto__":"1","__proto__":"2"}',
  ]) {
    const body = `{"topic":"a","payload":1,"headers":${headers}}`;
    const error = errorOf(() => decodePublishJson(Buffer.from(body), LIMITS));
    t.same(told(error), ['duplicate_key', 'headers'], headers);
  }
  const packed = map(['topic', 'a'], ['payload', 1], ['headers', map(['a', '1'], ['a', '2'])]);
  t.same(told(errorOf(() => decodePublishMsgpack(packed, LIMITS))), ['duplicate_key', 'headers']);
  const fine = '{"topic":"a","payload":1,"headers":{"a":"\\"b\\",","b":"{\\"a\\":\\"a\\"}"}}';
  t.match(decodePublishJson(Buffer.from(fine), LIMITS), { topic: 'a' });
});

t.test('the list of a batch', async (t) => {
  const messages = '[{"topic":"a","payload":1}]';
  for (const [first, second] of [
    [messages, messages],
    ['null', messages],
    [messages, '1'],
  ]) {
    const body = Buffer.from(`{"messages":${first},"x":1,"messages":${second}}`);
    t.same(told(errorOf(() => decodeBatchJson(body, LIMITS))), ['duplicate_key', 'messages']);
  }
  const one = list(pack({ topic: 'a', payload: 1 }));
  const packed = map(['messages', one], ['messages', one]);
  t.same(told(errorOf(() => decodeBatchMsgpack(packed, LIMITS))), ['duplicate_key', 'messages']);
});

t.test('frames, with the ref they came with unless it is the ref', async (t) => {
  const frames: [string, string, Ref][] = [
    ['{"type":"heartbeat","type":"heartbeat","ref":7}', 'type', 7],
    ['{"type":"publish","topic":"a","topic":"b","payload":1,"ref":7}', 'topic', 7],
    [
      '{"type":"subscribe","topic":"a","subscription":"x","subscription":"y","ref":7}',
      'subscription',
      7,
    ],
    ['{"type":"ack","message_id":"x","message_id":"y","ref":7}', 'message_id', 7],
    ['{"type":"nack","topic":"a","sequence":1,"sequence":2,"ref":7}', 'sequence', 7],
    ['{"type":"heartbeat","ref":7,"ref":8}', 'ref', null],
    [
      '{"type":"subscribe","topic":"a","start":{"from":"latest","from":"earliest"},"ref":7}',
      'start.from',
      7,
    ],
  ];
  for (const [text, field, ref] of frames) {
    const bytes = Buffer.from(text);
    const got = frameError((sink) => decodeJsonFrames(bytes, sink, 'joined'));
    t.same(got, ['duplicate_key', field, ref], text);
  }
  const start = map(['from', 'sequence'], ['sequence', 1], ['sequence', 2]);
  const packed: [Buffer, string, Ref][] = [
    [map(['type', 'heartbeat'], ['ref', 7], ['type', 'heartbeat']), 'type', 7],
    [map(['type', 'publish'], ['topic', 'a'], ['payload', 1], ['payload', 2]), 'payload', null],
    [map(['type', 'subscribe'], ['topic', 'a'], ['start', start]), 'start.sequence', null],
  ];
  for (const [bytes, field, ref] of packed) {
    const got = frameError((sink) => decodeMsgpackFrames(bytes, sink));
    t.same(got, ['duplicate_key', field, ref], field);
  }
});

t.test('the body of a control request, at any level', async (t) => {
  const bodies: [string, string][] = [
    ['{"name":"a","name":"b"}', 'name'],
    ['{"name":"a","retention":{"hours":1,"hours":2}}', 'retention.hours'],
    ['{"a":[{"b":1},{"c":1,"\\u0063":2}]}', 'a.c'],
    ['{ "ids" : [1] , "ids" : [2] }', 'ids'],
    ['{"__proto__":1,"__proto__":2}', '__proto__'],
  ];
  for (const [body, field] of bodies) {
    t.same(told(errorOf(() => parseBody(body))), ['duplicate_key', field], body);
  }
  const fine = '{"a":{"b":"a\\":","c":[]},"b":[{"b":1},{"b":2}],"c":"a"}';
  t.same(parseBody(fine), JSON.parse(fine));
});

t.test("what is not read is the sender's own business", async (t) => {
  const body = '{"topic":"a","payload":{"x":1,"x":2},"unknown":1,"unknown":2}';
  const { payload } = decodePublishJson(Buffer.from(body), LIMITS);
  t.equal(Buffer.from(payload).toString(), '{"x":1,"x":2}');
  const twice = map(['x', 1], ['x', 2]);
  const packed = map(['topic', 'a'], ['payload', twice], ['unknown', 1], ['unknown', 2]);
  t.same(Buffer.from(decodePublishMsgpack(packed, LIMITS).payload), twice);
});
