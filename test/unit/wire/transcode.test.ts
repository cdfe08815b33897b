import fc from 'fast-check';
import { Packr, Unpackr, unpack } from 'msgpackr';
import t from 'tap';
import { LIMITS } from '../../../src/core/limits.js';
import { msgpackToJson } from '../../../src/wire/transcode-to-json.js';
import { jsonToMsgpack } from '../../../src/wire/transcode-to-msgpack.js';
import { outcomeOf } from './outcome.js';

const toMsgpack = (json: string) => Buffer.from(jsonToMsgpack(Buffer.from(json))).toString('hex');
const toJson = (hex: string) =>
  Buffer.from(msgpackToJson(Buffer.from(hex.replaceAll(' ', ''), 'hex'))).toString('utf8');

const TO_MSGPACK: readonly [string, string][] = [
  ['null', 'c0'],
  ['true', 'c3'],
  ['false', 'c2'],
  ['0', '00'],
  ['127', '7f'],
  ['128', 'cc80'],
  ['65535', 'cdffff'],
  ['65536', 'ce00010000'],
  ['4294967296', 'cf0000000100000000'],
  ['9007199254740993', 'cf0020000000000001'],
  ['18446744073709551615', 'cfffffffffffffffff'],
  ['18446744073709551616', 'cb43f0000000000000'],
  ['-1', 'ff'],
  ['-32', 'e0'],
  ['-33', 'd0df'],
  ['-32769', 'd2ffff7fff'],
  ['-2147483649', 'd3ffffffff7fffffff'],
  ['-9007199254740993', 'd3ffdfffffffffffff'],
  ['-9223372036854775808', 'd38000000000000000'],
  ['-9223372036854775809', 'cbc3e0000000000000'],
  ['12345678901234567890', 'cfab54a98ceb1f0ad2'],
  ['-0', 'cb8000000000000000'],
  ['1.5', 'cb3ff8000000000000'],
  ['1.0', 'cb3ff0000000000000'],
  ['1e2', 'cb4059000000000000'],
  ['1e999', 'cb7ff0000000000000'],
  ['-1E400000', 'cbfff0000000000000'],
  ['""', 'a0'],
  ['"a"', 'a161'],
  ['"\\u0041\\n"', 'a2410a'],
  ['"\u00e9"', 'a2c3a9'],
  ['"\\ud83d\\ude00"', 'a4f09f9880'],
  ['"\\ud800"', 'a3efbfbd'],
  ['"\\u0000"', 'a100'],
  ['[]', '90'],
  ['{}', '80'],
  [' [ 1 , [ ] , { } ] ', '93019080'],
  ['{"a":1,"a":2}', '82a16101a16102'],
  ['{"\\u0061":[{"b":null}]}', '81a1619181a162c0'],
  ['{"__proto__":1}', '81a95f5f70726f746f5f5f01'],
];

t.test('JSON becomes msgpack of the same value', async (t) => {
  for (const [json, hex] of TO_MSGPACK) t.equal(toMsgpack(json), hex, json);
});

const TO_JSON: readonly [string, string][] = [
  ['c0', 'null'],
  ['c2', 'false'],
  ['c3', 'true'],
  ['00', '0'],
  ['ff', '-1'],
  ['cc80', '128'],
  ['cdffff', '65535'],
  ['ceffffffff', '4294967295'],
  ['cfffffffffffffffff', '18446744073709551615'],
  ['cf0020000000000001', '9007199254740993'],
  ['d080', '-128'],
  ['d18000', '-32768'],
  ['d280000000', '-2147483648'],
  ['d38000000000000000', '-9223372036854775808'],
  ['d3ffdfffffffffffff', '-9007199254740993'],
  ['ca3fc00000', '1.5'],
  ['ca3dcccccd', '0.10000000149011612'],
  ['cb3fb999999999999a', '0.1'],
  ['cb7e37e43c8800759c', '1e+300'],
  ['cb8000000000000000', '-0'],
  ['cb7ff8000000000000', 'null'],
  ['cb7ff0000000000000', 'null'],
  ['cbfff0000000000000', 'null'],
  ['ca7fc00000', 'null'],
  ['a0', '""'],
  ['a161', '"a"'],
  ['a6225c080a1f7f', '"\\"\\\\\\b\\n\\u001f\x7f"'],
  ['a4f09f9880', '"\u{1f600}"'],
  ['d90161', '"a"'],
  ['da000161', '"a"'],
  ['db0000000161', '"a"'],
  ['c400', '{"$binary":""}'],
  ['c403000102', '{"$binary":"AAEC"}'],
  ['c50001ff', '{"$binary":"/w=="}'],
  ['c600000001ff', '{"$binary":"/w=="}'],
  ['90', '[]'],
  ['80', '{}'],
  ['93 01 90 80', '[1,[],{}]'],
  ['dc0001 dd00000001 c0', '[[null]]'],
  ['82 a161 01 a161 02', '{"a":1,"a":2}'],
  ['de0001 a161 df00000001 a162 91c0', '{"a":{"b":[null]}}'],
  ['85 01 02 c0 03 c3 04 cb3ff8000000000000 05 ff 06', '{"1":2,"null":3,"true":4,"1.5":5,"-1":6}'],
  ['81 c401ff 01', '{"{\\"$binary\\":\\"/w==\\"}":1}'],
  ['81 9101 02', '{"{\\"$msgpack\\":\\"kQE=\\"}":2}'],
  ['81 a9 5f5f70726f746f5f5f 01', '{"__proto__":1}'],
];

t.test('msgpack becomes JSON of the same value, lossy where it says so', async (t) => {
  for (const [hex, json] of TO_JSON) {
    t.equal(toJson(hex), json, hex);
    JSON.parse(toJson(hex));
  }
});

t.test('what is no msgpack value is refused, not read past its end', async (t) => {
  for (const hex of ['', 'c1', '91', 'a5 61', 'd40100', 'a1ff', 'dd ffffffff']) {
    t.type(
      outcomeOf(() => toJson(hex)),
      'string',
    );
    t.match(
      outcomeOf(() => toJson(hex)),
      /^(invalid_msgpack|ext_not_allowed|invalid_utf8)$/,
      hex,
    );
  }
});

t.test('keys within keys within keys do not grow the text', async (t) => {
  const hex = `${'81'.repeat(64)}c0${'c0'.repeat(64)}`;
  t.ok(toJson(hex).length < 400);
});

t.test('containers of every header size', async (t) => {
  for (const count of [0, 1, 15, 16, 17, 255, 256, 65_535, 65_536]) {
    const list = Array.from({ length: count }, (_, n) => n % 7);
    const map = Object.fromEntries(list.map((value, n) => [`k${n}`, value]));
    for (const value of [list, map, [list, map, [list]]]) {
      const msgpack = Buffer.from(jsonToMsgpack(Buffer.from(JSON.stringify(value))));
      t.same(JSON.stringify(unpack(msgpack)), JSON.stringify(value), `${count}`);
      t.equal(Buffer.from(msgpackToJson(msgpack)).toString(), JSON.stringify(value));
    }
  }
});

t.test('strings of every header size', async (t) => {
  for (const count of [0, 31, 32, 63, 64, 65, 255, 256, 65_535, 65_536, 200_000]) {
    for (const text of ['x'.repeat(count), '\u00e9'.repeat(count >> 1), '"'.repeat(count)]) {
      const json = JSON.stringify([text]);
      const msgpack = Buffer.from(jsonToMsgpack(Buffer.from(json)));
      t.same(unpack(msgpack), [text], `${count}`);
      t.equal(Buffer.from(msgpackToJson(msgpack)).toString(), json);
    }
  }
});

t.test('the deepest value that can be stored passes both ways', async (t) => {
  const depth = LIMITS.depthMax.max;
  const json = '['.repeat(depth) + ']'.repeat(depth);
  t.equal(toJson(toMsgpack(json)), json);
  t.equal(
    outcomeOf(() => toMsgpack(`[${json}]`)),
    'too_deep',
  );
});

/** msgpackr renames `__proto__`; that name has cases of its own above. */
const values = fc
  .jsonValue({ maxDepth: 6 })
  .filter((value) => !JSON.stringify(value).includes('__proto__'));

t.test('any JSON value reads back from msgpack as itself', async () => {
  const reader = new Unpackr({ int64AsType: 'bigint', mapsAsObjects: true });
  const numbers = (_: string, value: unknown) =>
    typeof value === 'bigint' ? Number(value) : value;
  fc.assert(
    fc.property(values, fc.boolean(), (value, spaced) => {
      const json = JSON.stringify(value, null, spaced ? 1 : 0);
      const read = reader.unpack(Buffer.from(jsonToMsgpack(Buffer.from(json))));
      return JSON.stringify(read, numbers) === JSON.stringify(value);
    }),
    { numRuns: 500 },
  );
});

t.test('any integer of 64 bits reads back exactly', async () => {
  const reader = new Unpackr({ int64AsType: 'bigint', mapsAsObjects: true });
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }), (value) => {
      const msgpack = Buffer.from(jsonToMsgpack(Buffer.from(String(value))));
      const json = Buffer.from(msgpackToJson(msgpack)).toString();
      return BigInt(reader.unpack(msgpack)) === value && json === String(value);
    }),
  );
});

t.test('any msgpack value without oddities reads back from JSON as itself', async () => {
  const writer = new Packr({ useRecords: false, variableMapSize: true });
  fc.assert(
    fc.property(values, (value) => {
      const json = Buffer.from(msgpackToJson(writer.pack(value))).toString();
      return JSON.stringify(JSON.parse(json)) === JSON.stringify(value);
    }),
    { numRuns: 500 },
  );
});

t.test('a value goes to msgpack and back as the same text', async () => {
  fc.assert(
    fc.property(values, (value) => {
      const json = JSON.stringify(value);
      const back = Buffer.from(msgpackToJson(jsonToMsgpack(Buffer.from(json)))).toString();
      return JSON.stringify(JSON.parse(back)) === json;
    }),
    { numRuns: 500 },
  );
});
