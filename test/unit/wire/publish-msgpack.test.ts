import fc from 'fast-check';
import { Packr, pack, unpack } from 'msgpackr';
import t from 'tap';
import { DEFAULT_LIMITS } from '../../../src/core/limits.js';
import { CONTENT_MSGPACK } from '../../../src/core/message.js';
import { decodePublishJson, decodePublishMsgpack } from '../../../src/wire/publish.js';
import { errorOf, outcomeOf } from './outcome.js';

const decode = (body: Uint8Array) => decodePublishMsgpack(body, DEFAULT_LIMITS);
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** {"topic":"a","payload":<value>} */
function withPayload(value: Uint8Array | string): Buffer {
  const bytes = typeof value === 'string' ? hex(value) : value;
  return Buffer.concat([hex('82 a5746f706963 a161 a77061796c6f6164'), bytes]);
}

function publish(fields: Record<string, unknown>): Buffer {
  return pack({ topic: 'orders', payload: 1, ...fields });
}

t.test('the least a publish can be', async (t) => {
  t.same(decode(withPayload('93 01 c0 a178')), {
    topic: 'a',
    contentType: CONTENT_MSGPACK,
    payload: hex('93 01 c0 a178'),
    key: null,
    headers: null,
    dedupeKey: null,
    ttlMs: 0,
    delayMs: 0,
    deliverAtMs: 0,
  });
});

t.test('fields mean the same as in JSON', async (t) => {
  const bodies: Record<string, unknown>[] = [
    { topic: 'a.b', payload: 1, key: 'k\u00e9', dedupe_key: 'once', ttl_ms: 5_000, delay_ms: 250 },
    { topic: 'a', payload: null, headers: { a: '1', constructor: 'x' }, unknown: [{}] },
    { topic: 'a', payload: 1, deliver_at: '2026-01-01T00:00:00Z', ttl_ms: 2 ** 33 },
    { topic: 'a', payload: 1, key: null, headers: {}, delay_ms: 0 },
    {},
    { topic: null },
    { topic: ' ', payload: 1 },
    { topic: 1, payload: 1 },
    { topic: 'a/b', payload: 1 },
    { topic: 'a'.repeat(256), payload: 1 },
    { topic: 'a' },
    { topic: 'a', payload: 1, key: '' },
    { topic: 'a', payload: 1, key: 7 },
    { topic: 'a', payload: 1, headers: { a: 1 } },
    { topic: 'a', payload: 1, headers: ['a'] },
    { topic: 'a', payload: 1, dedupe_key: 'a\nb' },
    { topic: 'a', payload: 1, delay_ms: -1 },
    { topic: 'a', payload: 1, delay_ms: 1.5 },
    { topic: 'a', payload: 1, delay_ms: true },
    { topic: 'a', payload: 1, deliver_at: 'x' },
    { topic: 'a', payload: 1, ttl_ms: 0 },
  ];
  const strip = (outcome: ReturnType<typeof decode> | string) =>
    typeof outcome === 'string' ? outcome : { ...outcome, payload: 0, contentType: 0 };
  for (const body of bodies) {
    const json = JSON.stringify(body);
    const expected = outcomeOf(() => decodePublishJson(Buffer.from(json), DEFAULT_LIMITS));
    t.same(strip(outcomeOf(() => decode(pack(body)))), strip(expected), json.slice(0, 80));
  }
});

t.test('numbers may come in any form that holds them', async (t) => {
  const seven = ['07', 'cc07', 'cd0007', 'ce00000007', 'cf0000000000000007', 'd007', 'd10007'];
  const floats = ['ca40e00000', 'cb401c000000000000'];
  for (const form of [...seven, 'd200000007', 'd30000000000000007', ...floats]) {
    const body = Buffer.concat([
      hex('83a5746f706963a161a77061796c6f616401a6'),
      hex('74746c5f6d73'),
      hex(form),
    ]);
    t.equal(decode(body).ttlMs, 7, form);
  }
  for (const form of [
    'ff',
    'd0ff',
    'd1ffff',
    'd2ffffffff',
    'd3ffffffffffffffff',
    'cb7ff8000000000000',
  ]) {
    const body = Buffer.concat([
      hex('83a5746f706963a161a77061796c6f616401a6'),
      hex('74746c5f6d73'),
      hex(form),
    ]);
    t.equal(
      outcomeOf(() => decode(body)),
      'invalid_field',
      form,
    );
  }
});

const REFUSED: readonly [string, string, string][] = [
  ['nothing', '', 'empty_body'],
  ['nil', 'c0', 'body_must_be_object'],
  ['an array', '90', 'body_must_be_object'],
  ['a str', 'a161', 'body_must_be_object'],
  ['an int', '01', 'body_must_be_object'],
  ['0xc1', 'c1', 'invalid_msgpack'],
  ['0xc1 within', '81 a161 c1', 'invalid_msgpack'],
  ['two values', '80 80', 'invalid_msgpack'],
  ['an array that claims 4 GB', 'dd ffffffff', 'invalid_msgpack'],
  ['a map that claims 4 GB', 'df ffffffff 00', 'invalid_msgpack'],
  ['a map that claims more pairs than bytes', '82 a161', 'invalid_msgpack'],
  ['a str that claims 4 GB', '81 a161 db ffffffff', 'invalid_msgpack'],
  ['a bin that claims 4 GB', '81 a161 c6 ffffffff', 'invalid_msgpack'],
  ['an ext that claims 4 GB', '81 a161 c9 ffffffff 01', 'ext_not_allowed'],
  ['a fixext cut short', '81 a161 d8 01', 'ext_not_allowed'],
  ['a timestamp of 4 bytes', '81 a161 d6 ff 00000000', 'ext_not_allowed'],
  ['a timestamp of 8 bytes', '81 a161 d7 ff 0000000000000000', 'ext_not_allowed'],
  ['a timestamp of 12 bytes', '81 a161 c7 0c ff 000000000000000000000000', 'ext_not_allowed'],
  ['ext type 127', '81 a161 d4 7f 00', 'ext_not_allowed'],
  ['an ext as a key', '81 d4 01 00 01', 'ext_not_allowed'],
  ['ext16', '81 a161 c8 0001 01 00', 'ext_not_allowed'],
  ['ext32', '81 a161 c9 00000001 01 00', 'ext_not_allowed'],
  ['a bin as the topic', '82 a5746f706963 c40161 a77061796c6f6164 01', 'topic_type'],
  ['a bin as the name topic', '82 c405746f706963 a161 a77061796c6f6164 01', 'topic_required'],
];

t.test('what is wrong has its code', async (t) => {
  for (const [what, body, code] of REFUSED)
    t.equal(
      outcomeOf(() => decode(hex(body))),
      code,
      what,
    );
  const bin = Buffer.concat([hex('83a5746f706963a161a77061796c6f616401a3'), hex('6b6579 c40161')]);
  t.equal(
    outcomeOf(() => decode(bin)),
    'invalid_field',
    'a bin as the key',
  );
});

t.test(
  'a str that is no UTF-8 is refused wherever it is, and a bin may hold anything',
  async (t) => {
    for (const bad of ['ff', 'c080', 'eda080', 'e282']) {
      const count = bad.length / 2;
      const str = `a${count}${bad}`;
      t.equal(
        outcomeOf(() => decode(withPayload(str))),
        'invalid_utf8',
        bad,
      );
      t.equal(
        outcomeOf(() => decode(withPayload(`81 ${str} 01`))),
        'invalid_utf8',
        'as a key',
      );
      const long = Buffer.concat([hex('d9 50'), Buffer.alloc(80 - count, 'a'), hex(bad)]);
      t.equal(
        outcomeOf(() => decode(withPayload(long))),
        'invalid_utf8',
        'in a long str',
      );
      t.equal(decode(withPayload(`c40${count}${bad}`)).payload.length, 2 + count);
    }
  },
);

t.test('nesting is bounded, and nothing is read beyond the bound', async (t) => {
  const nested = (depth: number) => Buffer.concat([Buffer.alloc(depth - 1, 0x91), hex('90')]);
  t.equal(decode(withPayload(nested(64))).payload.length, 64);
  t.equal(
    outcomeOf(() => decode(withPayload(nested(65)))),
    'too_deep',
  );
  // 0xc1 is no msgpack: whoever reads on says so.
  t.equal(
    outcomeOf(() => decode(withPayload(Buffer.concat([Buffer.alloc(65, 0x91), hex('c1')])))),
    'too_deep',
  );
  t.equal(
    outcomeOf(() => decode(Buffer.alloc(100_000, 0x91))),
    'too_deep',
  );
  t.equal(
    outcomeOf(() => decode(withPayload(Buffer.alloc(100_000, 0x81)))),
    'too_deep',
  );
});

t.test('a body cut anywhere is refused', async (t) => {
  const packr = new Packr({ useRecords: false, variableMapSize: true });
  const body = packr.pack({
    topic: 'orders',
    payload: { a: [1, 300, 70_000, 2 ** 40, -1, -300, 1.5, null, true, 'x'.repeat(300)] },
    headers: { a: 'b' },
    bin: Buffer.alloc(300),
    list: new Array(20).fill('abc'),
  });
  decode(body);
  for (let end = 1; end < body.length; end++) {
    t.equal(
      outcomeOf(() => decode(body.subarray(0, end))),
      'invalid_msgpack',
      `cut at ${end}`,
    );
  }
  t.match(errorOf(() => decode(body.subarray(0, 9))).message, /cut short at byte 9/);
});

t.test('limits hold to the byte', async (t) => {
  const limits = { ...DEFAULT_LIMITS, payloadBytesMax: 100 };
  const body = (bytes: number) =>
    withPayload(
      Buffer.concat([hex(`d9 ${(bytes - 2).toString(16)}`), Buffer.alloc(bytes - 2, 'x')]),
    );
  t.equal(decodePublishMsgpack(body(100), limits).payload.length, 100);
  t.equal(
    outcomeOf(() => decodePublishMsgpack(body(101), limits)),
    'payload_too_large',
  );
  const headers = publish({ headers: { a: '"'.repeat(2_045) } });
  t.equal(
    outcomeOf(() => decode(headers)),
    'invalid_field',
    'headers are reckoned as JSON text',
  );
});

t.test('no name in it reaches a prototype', async (t) => {
  const name = '__proto__';
  const map = Buffer.concat([hex('81 a9'), Buffer.from(name), hex('a178')]);
  const body = Buffer.concat([
    hex('83a5746f706963a161a77061796c6f6164'),
    map,
    hex('a768656164657273'),
    map,
  ]);
  const request = decode(body);
  t.equal(request.headers, '{"__proto__":"x"}');
  t.same(request.payload, map);
  t.equal(Reflect.get({}, 'x'), undefined);
});

t.test('any payload is found and kept', async () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8 }), (payload) => {
      // msgpackr renames it.
      fc.pre(!JSON.stringify(payload).includes('__proto__'));
      const request = decode(pack({ key: 'k', payload, topic: 'a.b' }));
      const same = JSON.stringify(unpack(request.payload)) === JSON.stringify(payload);
      return same && request.topic === 'a.b' && request.key === 'k';
    }),
    { numRuns: 500 },
  );
});

t.test('random bytes give a request or a RequestError, nothing else', async () => {
  const start = publish({ headers: { a: 'b' }, dedupe_key: 'd', list: [1, 2, 3] });
  fc.assert(
    fc.property(fc.nat(), fc.uint8Array({ maxLength: 4 }), (place, piece) => {
      const body = Buffer.from(start);
      body.set(piece, place % (body.length - 4));
      outcomeOf(() => decode(body));
    }),
    { numRuns: 3_000 },
  );
});
