import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import t from 'tap';
import { quoteShort } from '../../../src/core/quote.js';
import { scanValue, skipSpace } from '../../../src/wire/json-scan.js';
import { outcomeOf } from './outcome.js';

function accepts(document: string | Buffer, depthMax = 64): boolean | string {
  const bytes = Buffer.from(document);
  if (!isUtf8(bytes)) return 'invalid_utf8';
  const end = outcomeOf(() => scanValue(bytes, 0, bytes.length, depthMax));
  if (typeof end === 'string') return end;
  return skipSpace(bytes, end, bytes.length) === bytes.length;
}

/** As the y_ files of JSONTestSuite, by what they hold. */
// biome-ignore format: a list of documents
const VALID = [
  '[[]   ]', '[]', '[""]', '["a"]', '[false]', '[null, 1, "1", {}]', '[null]', '[1\n]', ' [1]',
  '[1,null,null,null,2]', '[2] ', '[123e65]', '[0e+1]', '[0e1]', '[ 4]', '[-0]', '[-0.0]', '[20e1]',
  '[-0.000000000000000000000000000000000000000000000000000000000000000000000000000001]',
  '[-123]', '[-1]', '[1E22]', '[1E-2]', '[1E+2]', '[123e45]', '[123.456e78]', '[1e-2]', '[1e+2]',
  '[123]', '[123.456789]', '{"asd":"sdf", "dfg":"fgh"}', '{"asd":"sdf"}', '{"a":"b","a":"c"}',
  '{"a":"b","a":"b"}', '{}', '{"":0}', '{"foo\\u0000bar": 42}', '{ "min": -1.0e+28, "max": 1.0e+28 }',
  '{"x":[{"id": "xxxx"}], "id": "xxxx"}', '{"a":[]}', '{"title":"\\u041f\\u043e"}', '{\n"a": "b"\n}',
  '["\\u0060\\u012a\\u12AB"]', '["\\uD801\\udc37"]', '["\\ud83d\\ude39\\ud83d\\udc8d"]',
  '["\\"\\\\\\/\\b\\f\\n\\r\\t"]', '["\\\\u0000"]', '["\\""]', '["a/*b*/c/*d//e"]', '["\\\\a"]',
  '["\\\\n"]', '["\\u0012"]', '["\\uFFFF"]', '["asd"]', '[ "asd"]', '["\\uDBFF\\uDFFF"]',
  '["new\\u00A0line"]', '["\u{10ffff}"]', '["\uffff"]', '["\\u0000"]', '["\\u002c"]', '["\u03c0"]',
  '["\u{1bfff}"]', '["asd "]', '" "', '["\\uD834\\uDd1e"]', '["\\u0821"]', '["\\u0123"]', '["\u2028"]',
  '["\u2029"]', '["\\u0061\\u30af\\u30EA\\u30b9"]', '["new\\u000Aline"]', '["\x7f"]', '["\\uA66D"]',
  '["\\u005C"]', '["\u2342\u3248\u22c5"]', '["\\u0022"]', '["\\uDBFF\\uDFFE"]', '["\\u200B"]',
  '["\\u2064"]', '["\\uFDD0"]', '["\\uFFFE"]', '["\u20ac\ud834\udd1e"]', '["aa\x7f"]', 'false', '42',
  '-0.1', 'null', '"asd"', 'true', '""', '["a"]\n', '[true]', ' [] ',
];

/** As the i_ files: lone surrogates and numbers beyond float64 are taken, and kept as they are. */
// biome-ignore format: a list of documents
const ALSO_TAKEN = [
  '["\\uDADA"]', '["\\uD888\\u1234"]', '["\\uD800\\n"]', '["\\uDd1ea"]', '["\\uD800\\uD800\\n"]',
  '["\\ud800"]', '["\\ud800abc"]', '["\\uDd1e\\uD834"]', '["\\uDFAA"]', '[123.456e-789]', '[0.4e006]',
  '[-1e+9999]', '[1.5e+9999]', '[-123123e100000]', '[123123e100000]', '[123123e-10000000]',
  '[-123123123123123123123123123123]', '[100000000000000000000]', '[12345678901234567890]', '1E400000',
];

/** As the n_ files. */
// biome-ignore format: a list of documents
const INVALID = [
  '[1 true]', '["": 1]', '[""],', '[,1]', '[1,,2]', '["x",,]', '["x"]]', '["",]', '["x"', '[x', '[3[4]]',
  '[1:2]', '[,]', '[-]', '[   , ""]', '["a",\n4\n,1,', '[1,]', '[1,,]', '["\va"\\f]', '[*]', '[""',
  '[1,', '[1,\n1\n,1', '[{}', '[fals]', '[nul]', '[tru]', '123\0', '[++1234]', '[+1]', '[+Inf]', '[-01]',
  '[-1.0.]', '[-2.]', '[-NaN]', '[.-1]', '[.2e-3]', '[0.1.2]', '[0.3e+]', '[0.3e]', '[0.e1]', '[0E+]',
  '[0E]', '[0e+]', '[0e]', '[1.0e+]', '[1.0e-]', '[1.0e]', '[1 000.0]', '[1eE2]', '[2.e+3]', '[2.e-3]',
  '[2.e3]', '[9.e+]', '[Inf]', '[NaN]', '[\uff11]', '[1+2]', '[0x1]', '[0x42]', '[Infinity]',
  '[0e+-1]', '[-123.123foo]', '[-Infinity]', '[-foo]', '[- 1]', '[-012]', '[-.123]', '[-1x]', '[1ea]',
  '[1.]', '[.123]', '[1.2a-3]', '[1.8011670033376514H-308]', '[012]', '[00.0]', '[-00.0]', '[00e0]',
  '["x", truth]', '{[: "x"}\n', '{"x", null}', '{"x"::"b"}', '{\ud83c\udde8}', '{"a":"a" 123}',
  '{key: \'value\'}', '{"a" b}', '{:"b"}', '{"a" "b"}', '{"a":', '{"a"', '{1:1}', '{9999E9999:1}',
  '{null:null,null:null}', '{"id":0,,,,,}', "{'a':0}", '{"id":0,}', '{"a":"b"}/**/', '{"a":"b"}/**//',
  '{"a":"b"}//', '{"a":"b"}/', '{"a":"b",,"c":"d"}', '{a: "b"}', '{"a":"a', '{ "foo" : "bar", "a" }',
  '{"a":"b"}#', ' ', '["\\uD800\\"]', '["\\uD800\\u"]', '["\\uD800\\u1"]', '["\\uD800\\u1x"]', '[\u00e9]',
  '["\\x00"]', '["\\\\\\"]', '["\\\t"]', '["\\\ud83c\udf00"]', '["\\"]', '["\\u00A"]',
  '["\\uD834\\uDd"]', '["\\uD800\\uD800\\x"]', '["\\a"]', '["\\uqqqq"]', '[\\u0020"asd"]', '[\\n]', '"',
  "['single quote']", 'abc', '["\\', '["a\0a"]', '["new\nline"]', '["\t"]', '"\\UA66D"', '""x',
  '\u2060', '[\u2060]', '<.>', '[<null>]', '[1]x', '[1]]', '["asd]', 'aa\u00e5', '[True]', '1]',
  '{"x": true,', '[][]', ']', '\ufeff{}', '\ufeff', '2@', '{}}', '{"":', '{"a":/*comment*/"b"}',
  '{"a": true} "x"', "['", '[,', '[{', '["a', '["a"', '{', '{]', '{,', '{[', '{"a', "{'a'", '["\\{["\\{',
  '*', '{"a":"b"}#{}', '[\\u000A""]', '[1', '[ false, nul', '[ true, fals', '[ false, tru', '{"asd":"asd"',
  '\u00e5', '[\f]', '', '{}x', '{}{}', '[0 1]', '01', '-', '+1', '1.e1', 'truex', 'nul', '\'a\'',
  '["\\u{41}"]', '["\x1f"]', '[1}', '{"a":1]', '{"a":[1}', '{"a"}', '{,"a":1}', '{"a":1,"b"}', '\x1e{}',
  '[\u00a0]', '\u000b1', '[-]', '[1e]', '--1', '0x', '1_000',
];

t.test('every valid document is taken', async (t) => {
  for (const document of [...VALID, ...ALSO_TAKEN])
    t.equal(accepts(document), true, quoteShort(document));
});

t.test('every invalid document is refused', async (t) => {
  for (const document of INVALID) {
    t.throws(() => JSON.parse(document), 'the case itself is right');
    const outcome = accepts(document);
    t.ok(outcome === 'invalid_json' || outcome === false, quoteShort(document));
  }
});

t.test('bytes that are no UTF-8 are refused', async (t) => {
  for (const hex of [
    'ff',
    'c080',
    'eda080',
    'edbfbf',
    'e282',
    'f4908080',
    'f8888080',
    '80',
    'c0af',
  ]) {
    const document = Buffer.concat([Buffer.from('["'), Buffer.from(hex, 'hex'), Buffer.from('"]')]);
    t.equal(accepts(document), 'invalid_utf8', hex);
  }
});

t.test('nesting is bounded, and nothing is read beyond the bound', async (t) => {
  for (const [open, close] of [
    ['[', ']'],
    ['{"a":', '}'],
  ] as const) {
    const nested = (depth: number) => `${open.repeat(depth)}1${close.repeat(depth)}`;
    t.equal(accepts(nested(64)), true);
    t.equal(accepts(nested(65)), 'too_deep');
    t.equal(accepts(nested(256), 256), true);
    t.equal(accepts(`${open.repeat(65)}!`), 'too_deep', 'who reads on finds no JSON');
    t.equal(accepts(open.repeat(200_000)), 'too_deep');
  }
  t.equal(accepts(`${'['.repeat(64)}${']'.repeat(64)}`), true);
  t.equal(accepts(`${'[],'.repeat(1)}1`), false);
  t.equal(accepts(`[${'[],'.repeat(1000)}[]]`, 2), true, 'siblings do not add up');
});

function parses(document: string): boolean {
  try {
    JSON.parse(document);
    return true;
  } catch {
    return false;
  }
}

t.test('a document is taken just when JSON.parse takes it', async () => {
  const pieces = fc.constantFrom(
    ...['{', '}', '[', ']', ',', ':', '"', '"a"', '"\\u00', '41', '\\', '\\"', '-', '0', '1', '12'],
    ...['.', 'e', 'E', '+', 'true', 'false', 'null', 'tru', ' ', '\n', '\t', '\r', '\u00e9', '\0'],
  );
  const soup = fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(soup, (document) => (accepts(document, 256) === true) === parses(document)),
    { numRuns: 5_000 },
  );
  const edited = fc
    .tuple(fc.json(), fc.nat(), fc.nat(3), pieces)
    .map(([json, place, cut, piece]) => {
      const at = place % (json.length + 1);
      return json.slice(0, at) + piece + json.slice(at + cut);
    });
  fc.assert(
    fc.property(edited, (document) => (accepts(document, 256) === true) === parses(document)),
    { numRuns: 3_000 },
  );
});

t.test('in a long string every byte is looked at, wherever it stands', async (t) => {
  const LENGTH = 400;
  const kinds: [Buffer, expected: 'taken' | 'refused' | 'ends'][] = [
    [Buffer.from('"'), 'ends'],
    [Buffer.from('\\n'), 'taken'],
    [Buffer.from('\\x'), 'refused'],
    [Buffer.from(' '), 'taken'],
    [Buffer.from('!#~\x7f'), 'taken'],
    [Buffer.from('\u00a2\u00dc\u{1f600}'), 'taken'],
    ...Array.from({ length: 32 }, (_, byte): [Buffer, 'refused'] => [Buffer.of(byte), 'refused']),
  ];
  const wrong: string[] = [];
  for (const [special, expected] of kinds) {
    for (let place = 100; place < 300; place++) {
      // A body begins anywhere in the memory it lies in.
      const whole = Buffer.alloc(LENGTH + 8, 'a');
      const bytes = whole.subarray(place % 7, (place % 7) + LENGTH);
      bytes[0] = bytes[LENGTH - 1] = '"'.charCodeAt(0);
      special.copy(bytes, place);
      const end = outcomeOf(() => scanValue(bytes, 0, LENGTH, 64));
      const right = { taken: LENGTH, refused: 'invalid_json', ends: place + 1 }[expected];
      if (end !== right) wrong.push(`${special.toString('hex')} at ${place}: ${end}`);
    }
  }
  t.same(wrong, []);
  const open = Buffer.alloc(LENGTH, 'a');
  open[0] = '"'.charCodeAt(0);
  t.throws(() => scanValue(open, 0, LENGTH, 64), {
    code: 'invalid_json',
    message: /end at byte 400/,
  });
});
