// Goal: a filter says of any message what its words say, never fails on one, and is refused with the place of
// the first word that is wrong; nothing that a message or a filter brings is run or inherited.
import fc from 'fast-check';
import t from 'tap';
import { RequestError } from '../../../src/core/errors.js';
import { messageFilter } from '../../../src/core/message-filter.js';

const MESSAGE = {
  key: 'eu',
  payload: {
    ...{ amount: 99.5, name: 'Ann "x"', tags: ['new', 'big'], ok: true, off: false, none: null },
    lines: [{ sku: 'a' }, { sku: 'b' }],
    'two words': 1,
  },
  headers: { 'x-trace': 'abc', source: 'web' },
};

const SO = [
  'payload.amount > 50 && key == "eu"',
  "key == 'eu'",
  'payload.amount >= 99.5 && payload.amount <= 99.5',
  'payload.amount == 9.95e1',
  'payload.lines[1].sku == "b"',
  'payload["two words"] == 1',
  'payload.name == "Ann \\"x\\""',
  'payload.name == "Ann \\u0022x\\u0022"',
  'headers.x-trace == "abc"',
  'headers["x-trace"] != "abcd"',
  'payload.ok',
  '!payload.off && !payload.none && !payload.absent && !payload.absent.deeper',
  'payload.none == null && payload.absent == null',
  'contains(payload.tags, "big") && contains(payload.name, "nn")',
  '!contains(payload.amount, "9")',
  '!(payload.amount > 50) || (key == "eu" && payload.ok == true)',
  'key > "ea" && key < "ez"',
  '!(payload.amount > "50") && !(payload.name > 5)',
  'payload.lines == null || payload.lines',
  '0 == 0',
];
const NOT_SO = [
  'payload.amount < 50',
  'key == "us" || key == "uk"',
  'payload.absent > 0',
  'payload.constructor',
  'payload.__proto__',
  'payload.tags.length',
  'payload.name.length == 7',
  'payload.lines == payload.tags',
  'payload == "x"',
  'contains(payload.tags, "bi")',
  'null',
];

t.test('it says what its words say', async (t) => {
  for (const text of SO) t.equal(messageFilter(text).test(MESSAGE), true, text);
  for (const text of NOT_SO) t.equal(messageFilter(text).test(MESSAGE), false, text);
});

t.test('only what it names has to be read', async (t) => {
  t.same([...messageFilter('key == "payload"').roots], ['key']);
  t.same([...messageFilter('headers.a || payload.b').roots].sort(), ['headers', 'payload']);
});

const WRONG: readonly [text: string, at: number][] = [
  ['', 1],
  ['payload.amount >', 17],
  ['payload.amount = 5', 16],
  ['amount > 5', 1],
  ['key == "eu', 8],
  ['(key == "eu"', 13],
  ['key == "eu")', 12],
  ['key == "eu" "us"', 13],
  ['payload.', 9],
  ['payload[key]', 9],
  ['payload[0', 10],
  ['key == eu', 8],
  ['contains(key)', 13],
  ['key & headers', 5],
  ['1 < 2 < 3', 7],
  [`key == "${'x'.repeat(1_100)}"`, 1_025],
  [`${'('.repeat(40)}key`, 33],
  [`${'!'.repeat(40)}key`, 33],
];

t.test('what is wrong is refused, with where', async (t) => {
  for (const [text, at] of WRONG) {
    const error = { code: 'invalid_query', field: 'filter', message: RegExp(`character ${at}$`) };
    t.throws(() => messageFilter(text), error, text.slice(0, 40));
  }
  const many = Array.from({ length: 100 }, () => 'key').join('||');
  t.throws(() => messageFilter(many), { message: /more than 128 parts/ });
});

t.test('any text is a filter or refused; any filter looks at any message', async () => {
  const words = fc.constantFrom(
    ...['payload', 'key', 'headers', '.a', '[0]', '["b"]', '==', '<', '&&', '||', '!', '(', ')'],
    ...['contains', ',', '1', '"x"', 'null', 'true', ' ', '__proto__', '"'],
  );
  const texts = fc.oneof(
    fc.string(),
    fc.array(words, { maxLength: 24 }).map((all) => all.join('')),
  );
  fc.assert(
    fc.property(texts, fc.jsonValue(), (text, payload) => {
      let filter: ReturnType<typeof messageFilter>;
      try {
        filter = messageFilter(text);
      } catch (error) {
        if (error instanceof RequestError && error.code === 'invalid_query') return true;
        throw error;
      }
      return typeof filter.test({ key: null, payload, headers: null }) === 'boolean';
    }),
    { numRuns: 3_000 },
  );
});
