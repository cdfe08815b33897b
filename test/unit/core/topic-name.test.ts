import t from 'tap';
import { RequestError } from '../../../src/core/errors.js';
import { checkTopicName, isName, isNameBytes } from '../../../src/core/topic-name.js';

const LIMITS = { topicNameBytesMax: 255 };

function codeOf(name: string): string {
  try {
    checkTopicName(name, LIMITS);
    return 'ok';
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    t.equal(error.field, 'topic');
    t.ok(error.message.length < 400, 'the detail is short');
    t.match(error.message, /^[\x20-\x7e]*$/, 'the detail is printable ASCII');
    return error.code;
  }
}

const GRAMMAR = /^[A-Za-z0-9_:-]+(\.[A-Za-z0-9_:-]+)*$/;

const CASES: readonly [string, string][] = [
  ['orders', 'ok'],
  ['orders.created', 'ok'],
  ['a:b', 'ok'],
  ['tenantB:orders', 'ok'],
  ['__proto__', 'ok'],
  ['constructor', 'ok'],
  ['0', 'ok'],
  ['-._.:', 'ok'],
  ['x'.repeat(255), 'ok'],
  ['x'.repeat(256), 'topic_too_long'],
  ['x'.repeat(1_000_000), 'topic_too_long'],
  [' '.repeat(1_000), 'topic_too_long'],
  ['', 'topic_required'],
  [' ', 'topic_required'],
  ['\t \n', 'topic_required'],
  ['.', 'topic_chars'],
  ['a.', 'topic_chars'],
  ['.a', 'topic_chars'],
  ['a..b', 'topic_chars'],
  ['a b', 'topic_chars'],
  ['../x', 'topic_chars'],
  ['a/b', 'topic_chars'],
  ['*', 'topic_chars'],
  ['#', 'topic_chars'],
  ['>', 'topic_chars'],
  ['+', 'topic_chars'],
  ['a\0b', 'topic_chars'],
  ['a\r\nb', 'topic_chars'],
  ['a\x7f', 'topic_chars'],
  ['a\u202eb', 'topic_chars'],
  ['a\u200bb', 'topic_chars'],
  ['a\ud800', 'topic_chars'],
  ['caf\u00e9', 'topic_chars'],
  ['\u0141', 'topic_chars'],
  ["a'; DROP TABLE messages--", 'topic_chars'],
  ['\\copy', 'topic_chars'],
  ['$(id)', 'topic_chars'],
];

t.test('a topic name is judged by the grammar', async (t) => {
  for (const [name, code] of CASES) {
    t.equal(codeOf(name), code, JSON.stringify(name.slice(0, 30)));
    const valid = GRAMMAR.test(name) && name.length <= 255;
    t.equal(isName(name, 255), valid);
    const bytes = Buffer.from(name);
    t.equal(isNameBytes(bytes, 0, bytes.length) && bytes.length <= 255, valid);
  }
});

t.test('every single byte is judged as by the regular expression', async (t) => {
  for (let byte = 0; byte < 256; byte++) {
    const name = `a${String.fromCharCode(byte)}b`;
    t.equal(isName(name, 255), GRAMMAR.test(name), `0x${byte.toString(16)}`);
    const bytes = Buffer.from(name, 'latin1');
    t.equal(isNameBytes(bytes, 0, 3), GRAMMAR.test(name));
  }
});
