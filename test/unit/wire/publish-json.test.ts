import fc from 'fast-check';
import t from 'tap';
import { DEFAULT_LIMITS } from '../../../src/core/limits.js';
import { CONTENT_JSON } from '../../../src/core/message.js';
import { decodePublishJson, isDedupeKey } from '../../../src/wire/publish.js';
import { errorOf, outcomeOf } from './outcome.js';

const decode = (body: string | Uint8Array) =>
  decodePublishJson(typeof body === 'string' ? Buffer.from(body) : body, DEFAULT_LIMITS);

function payloadOf(body: string): string {
  return Buffer.from(decode(body).payload).toString();
}

function publish(fields: Record<string, unknown>): string {
  return JSON.stringify({ topic: 'orders', payload: 1, ...fields });
}

t.test('the least a publish can be', async (t) => {
  t.same(decode('{"topic":"orders","payload":{"a":[1, 2]}}'), {
    topic: 'orders',
    contentType: CONTENT_JSON,
    payload: Buffer.from('{"a":[1, 2]}'),
    key: null,
    headers: null,
    dedupeKey: null,
    ttlMs: 0,
    delayMs: 0,
    deliverAtMs: 0,
  });
});

t.test('every field together', async (t) => {
  const body = publish({
    key: 'k\u00e9\u{1f600}',
    headers: { a: '1', __proto__x: '2' },
    dedupe_key: 'once',
    ttl_ms: 5_000,
    delay_ms: 250,
  });
  const { payload, ...rest } = decode(body);
  t.equal(Buffer.from(payload).toString(), '1');
  t.match(rest, {
    key: 'k\u00e9\u{1f600}',
    headers: '{"a":"1","__proto__x":"2"}',
    dedupeKey: 'once',
    ttlMs: 5_000,
    delayMs: 250,
    deliverAtMs: 0,
  });
  const at = decode(publish({ deliver_at: '2026-01-01T00:00:00Z' })).deliverAtMs;
  t.equal(at, Date.UTC(2026, 0, 1));
  t.equal(decode(publish({ deliver_at: '1960-01-01T00:00:00Z' })).deliverAtMs, 1, 'long past');
  t.equal(decode(publish({ delay_ms: 0 })).delayMs, 0);
  t.equal(decode(publish({ delay_ms: 1e3 })).delayMs, 1_000);
  t.equal(decode(publish({ ttl_ms: Number.MAX_SAFE_INTEGER })).ttlMs, 87_600 * 3_600_000);
});

t.test('null is absent for every optional field', async (t) => {
  const names = ['key', 'headers', 'dedupe_key', 'ttl_ms', 'delay_ms', 'deliver_at'];
  const fields = Object.fromEntries(names.map((name) => [name, null]));
  t.same(decode(publish(fields)), decode(publish({})));
});

const REFUSED: readonly [string, string][] = [
  ['', 'empty_body'],
  [' ', 'invalid_json'],
  ['{', 'invalid_json'],
  ['\ufeff{"topic":"a","payload":1}', 'invalid_json'],
  ['{"topic":"a","payload":1}x', 'invalid_json'],
  ['{"topic":"a","payload":1}{}', 'invalid_json'],
  ['{"topic":"a","payload":1,}', 'invalid_json'],
  ['{"topic":"a",,"payload":1}', 'invalid_json'],
  ['{"topic":"a","payload":}', 'invalid_json'],
  ['{"topic" "a","payload":1}', 'invalid_json'],
  ['{topic:"a","payload":1}', 'invalid_json'],
  ['[]', 'body_must_be_object'],
  ['null', 'body_must_be_object'],
  ['"x"', 'body_must_be_object'],
  ['1', 'body_must_be_object'],
  ['[', 'invalid_json'],
  ['{}', 'topic_required'],
  ['{"payload":1}', 'topic_required'],
  ['{"topic":null,"payload":1}', 'topic_required'],
  ['{"topic":"","payload":1}', 'topic_required'],
  ['{"topic":"   ","payload":1}', 'topic_required'],
  ['{"topic":1,"payload":1}', 'topic_type'],
  ['{"topic":["a"],"payload":1}', 'topic_type'],
  ['{"topic":{"a":1},"payload":1}', 'topic_type'],
  ['{"topic":true,"payload":1}', 'topic_type'],
  [`{"topic":"${'a'.repeat(256)}","payload":1}`, 'topic_too_long'],
  ['{"topic":"a\\u0000b","payload":1}', 'topic_chars'],
  ['{"topic":"\\ud800","payload":1}', 'topic_chars'],
  ['{"topic":"\u202e","payload":1}', 'topic_chars'],
  ['{"topic":"a\\nb","payload":1}', 'topic_chars'],
  ['{"topic":"a"}', 'payload_required'],
  ['['.repeat(200_000), 'too_deep'],
  [`{"topic":"a","payload":${'['.repeat(200_000)}`, 'too_deep'],
  [publish({ key: '' }), 'invalid_field'],
  [publish({ key: 1 }), 'invalid_field'],
  [publish({ key: 'k'.repeat(256) }), 'invalid_field'],
  [publish({ key: '\u00e9'.repeat(128) }), 'invalid_field'],
  [publish({ key: 'a\0b' }), 'invalid_field'],
  [publish({ key: '\ud800' }), 'invalid_field'],
  [publish({ key: '\udc00\ud800' }), 'invalid_field'],
  [publish({ headers: 'a' }), 'invalid_field'],
  [publish({ headers: ['a'] }), 'invalid_field'],
  [publish({ headers: { a: 1 } }), 'invalid_field'],
  [publish({ headers: { a: null } }), 'invalid_field'],
  [publish({ headers: { a: { b: 'c' } } }), 'invalid_field'],
  [publish({ headers: { a: 'x'.repeat(4_096) } }), 'invalid_field'],
  [publish({ dedupe_key: '' }), 'dedupe_key_invalid'],
  [publish({ dedupe_key: 1 }), 'dedupe_key_invalid'],
  [publish({ dedupe_key: 'x'.repeat(1_024) }), 'dedupe_key_invalid'],
  [publish({ dedupe_key: 'a\nb' }), 'dedupe_key_invalid'],
  [publish({ dedupe_key: 'a\u0085b' }), 'dedupe_key_invalid'],
  [publish({ dedupe_key: '\ud800' }), 'dedupe_key_invalid'],
  [publish({ delay_ms: -1 }), 'invalid_field'],
  [publish({ delay_ms: 1.5 }), 'invalid_field'],
  [publish({ delay_ms: '1' }), 'invalid_field'],
  [publish({ delay_ms: DEFAULT_LIMITS.delayMsMax + 1 }), 'invalid_field'],
  [publish({ deliver_at: 'tomorrow' }), 'invalid_field'],
  [publish({ deliver_at: 1_767_225_600 }), 'invalid_field'],
  [publish({ delay_ms: 1, deliver_at: '2026-01-01T00:00:00Z' }), 'invalid_field'],
  [publish({ ttl_ms: 0 }), 'invalid_field'],
  [publish({ ttl_ms: true }), 'invalid_field'],
  [publish({}).replace('1}', '1,"ttl_ms":1e999}'), 'invalid_field'],
];

t.test('what is wrong has its code', async (t) => {
  for (const [body, code] of REFUSED) {
    t.equal(
      outcomeOf(() => decode(body)),
      code,
      body.slice(0, 60),
    );
  }
});

t.test('an error names the byte, the limit, and never the whole of a long text', async (t) => {
  t.equal(errorOf(() => decode('{"a":1}x')).message, "unexpected 'x' at byte 7");
  t.equal(errorOf(() => decode('{"a":')).message, 'unexpected end at byte 5');
  t.equal(errorOf(() => decode('{"a":\x01')).message, 'unexpected 0x01 at byte 5');
  t.match(errorOf(() => decode('\ufeff{}')).message, /byte order mark/);
  const long = errorOf(() => decode(`{"topic":"${'/'.repeat(200)}","payload":1}`));
  t.ok(long.message.length < 160);
  t.equal(long.field, 'topic');
  t.match(errorOf(() => decode(publish({ key: '' }))).message, /(KEY_BYTES_MAX)/);
});

t.test('headers are counted in pairs and in bytes', async (t) => {
  const pairs = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`h${n}`, 'v']));
  t.equal(
    outcomeOf(() => decode(publish({ headers: pairs(33) }))),
    'invalid_field',
  );
  t.same(JSON.parse(decode(publish({ headers: pairs(32) })).headers ?? ''), pairs(32));
  t.equal(decode(publish({ headers: {} })).headers, null);
  const fit = 'x'.repeat(4_096 - '{"a":""}'.length);
  t.equal(decode(publish({ headers: { a: fit } })).headers?.length, 4_096);
  t.equal(
    outcomeOf(() => decode(publish({ headers: { a: `${fit}x` } }))),
    'invalid_field',
  );
});

t.test('no name in it reaches a prototype', async (t) => {
  const body =
    '{"__proto__":{"x":1},"constructor":{"prototype":{"x":1}},"topic":"constructor",' +
    '"payload":{"__proto__":{"x":1}},"headers":{"__proto__":"h","constructor":"c"}}';
  const request = decode(body);
  t.equal(request.headers, '{"__proto__":"h","constructor":"c"}');
  t.equal(Buffer.from(request.payload).toString(), '{"__proto__":{"x":1}}');
  t.equal(Reflect.get({}, 'x'), undefined);
});

t.test('payloads pass byte for byte', async (t) => {
  const payloads = [
    ...[
      'null',
      'false',
      '0',
      '""',
      '-0',
      '1e999',
      '1E400000',
      '12345678901234567890',
      '{ }',
      '[ ]',
    ],
    ...['"\\u0000"', '"\\ud800"', '"\uffff\u{1fffe}"', '{"a":1,"a":2}', '"\u2028"', '[1 ,\n\t2]'],
  ];
  for (const payload of payloads) {
    t.equal(payloadOf(`{"topic":"a","payload": ${payload} ,"key":"k"}`), payload);
    t.equal(payloadOf(` {"payload":${payload},\r\n"topic" : "a"} `), payload);
  }
});

t.test('unknown fields are let pass, whatever they hold', async (t) => {
  const extra = { message_id: 1, sequence: -1, tenant: 'other', published_at: {}, '': 0, type: [] };
  t.same(decode(publish(extra)), decode(publish({})));
});

t.test('escapes in names and values are resolved', async (t) => {
  const request = decode(
    '{"t\\u006fpic":"a\\u002eb","\\u0070ayload":"\\u0041","key":"\\u00e9\\n","dedupe_key":"\\u0061"}',
  );
  t.match(request, { topic: 'a.b', key: '\u00e9\n', dedupeKey: 'a' });
  t.equal(Buffer.from(request.payload).toString(), '"\\u0041"');
});

t.test('limits hold to the byte', async (t) => {
  const limits = { ...DEFAULT_LIMITS, payloadBytesMax: 100 };
  const body = (bytes: number) => Buffer.from(`{"topic":"a","payload":"${'x'.repeat(bytes - 2)}"}`);
  t.equal(decodePublishJson(body(100), limits).payload.length, 100);
  t.equal(
    outcomeOf(() => decodePublishJson(body(101), limits)),
    'payload_too_large',
  );
  t.equal(decode(publish({ topic: 'a'.repeat(255) })).topic.length, 255);
  t.equal(decode(publish({ key: 'k'.repeat(255) })).key?.length, 255);
  t.equal(decode(publish({ dedupe_key: 'k'.repeat(255) })).dedupeKey?.length, 255);
  const nested = (depth: number) =>
    `{"topic":"a","payload":${'['.repeat(depth)}${']'.repeat(depth)}}`;
  t.equal(payloadOf(nested(64)).length, 128);
  t.equal(
    outcomeOf(() => decode(nested(65))),
    'too_deep',
  );
});

t.test('bytes that are no UTF-8 are refused wherever they are', async (t) => {
  for (const hex of ['ff', 'c080', 'eda080', 'e282']) {
    const bad = Buffer.from(hex, 'hex').toString('latin1');
    for (const body of [
      `{"topic":"a","payload":"${bad}"}`,
      `{"topic":"${bad}","payload":1}`,
      `{"topic":"a","payload":1,"${bad}":1}`,
      `{"topic":"a","payload":1}${bad}`,
    ]) {
      t.equal(
        outcomeOf(() => decode(Buffer.from(body, 'latin1'))),
        'invalid_utf8',
        hex,
      );
    }
  }
});

t.test('a body cut anywhere is refused', async (t) => {
  const body = publish({
    key: 'k\u00e9',
    headers: { a: '\\"' },
    payload: { a: [1.5e3, null, true] },
  });
  const bytes = Buffer.from(body);
  for (let end = 1; end < bytes.length; end++) {
    const outcome = outcomeOf(() => decode(bytes.subarray(0, end)));
    t.ok(outcome === 'invalid_json' || outcome === 'invalid_utf8', `cut at ${end}`);
  }
});

t.test('a body may lie anywhere in a larger buffer, and may be a plain Uint8Array', async (t) => {
  const body = Buffer.from(publish({ payload: 'abc' }));
  const outer = new Uint8Array(body.length + 20).fill(0x7b);
  outer.set(body, 10);
  const request = decode(outer.subarray(10, 10 + body.length));
  t.equal(Buffer.from(request.payload).toString(), '"abc"');
  t.equal(request.payload.buffer, outer.buffer, 'a view, not a copy');
});

t.test('isDedupeKey is the rule for the header too', async (t) => {
  t.ok(isDedupeKey('abc', 255));
  for (const key of ['', 'a\tb', 'a\x7f', 'k'.repeat(256)]) t.notOk(isDedupeKey(key, 255));
});

t.test('any payload is found and kept', async () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8 }), fc.boolean(), (payload, spaced) => {
      const body = JSON.stringify({ key: 'k', payload, topic: 'a.b' }, null, spaced ? 2 : 0);
      const request = decode(body);
      const kept = JSON.stringify(JSON.parse(Buffer.from(request.payload).toString()));
      return kept === JSON.stringify(payload) && request.topic === 'a.b' && request.key === 'k';
    }),
    { numRuns: 500 },
  );
});

t.test('random bytes give a request or a RequestError, nothing else', async () => {
  const start = Buffer.from(publish({ headers: { a: 'b' }, dedupe_key: 'd' }));
  fc.assert(
    fc.property(fc.nat(), fc.uint8Array({ maxLength: 4 }), (place, piece) => {
      const body = Buffer.from(start);
      body.set(piece, place % (body.length - 4));
      outcomeOf(() => decode(body));
    }),
    { numRuns: 3_000 },
  );
});

t.test('a body full of escaped names is read like any other', async (t) => {
  const body = Buffer.from(`{${'"\\n\\u0041":0,'.repeat(20_000)}"topic":"a","payload":1}`);
  t.equal(decode(body).topic, 'a');
});
