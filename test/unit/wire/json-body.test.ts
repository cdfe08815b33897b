// Goal: the body of a control request nests no deeper than any other, so that none costs more than its bytes.
import t from 'tap';
import { parseJsonBody } from '../../../src/wire/json-body.js';
import { errorOf } from './outcome.js';

const DEPTH_MAX = 4;

const nested = (open: string, close: string, depth: number): Buffer =>
  Buffer.from(`{"ids":${open.repeat(depth)}1${close.repeat(depth)}}`);

t.test('a member nests to the limit, no deeper', async (t) => {
  for (const [open, close] of [
    ['[', ']'],
    ['{"a":', '}'],
  ] as const) {
    const most = nested(open, close, DEPTH_MAX);
    t.same(parseJsonBody(most, DEPTH_MAX), JSON.parse(String(most)));
    for (const depth of [DEPTH_MAX + 1, 50_000]) {
      const error = errorOf(() => parseJsonBody(nested(open, close, depth), DEPTH_MAX));
      t.match(error, { code: 'too_deep' }, `${depth} of ${open}`);
    }
  }
  const wide = Buffer.from(`{"ids":[${'[],'.repeat(1_000)}[]]}`);
  t.same(parseJsonBody(wide, DEPTH_MAX), JSON.parse(String(wide)), 'one beside the other');
});

t.test('a number stays what was written, or is refused', async (t) => {
  const taken = ['0', '-0', '5', '-7', '1.5', '1.50', '15e-1', '1.5e1', '100e-2', '0.25'];
  const read = (text: string): unknown =>
    parseJsonBody(Buffer.from(`{"a":"9007199254740993","at":{"ids":[1,${text}]}}`), DEPTH_MAX);
  for (const text of [...taken, '9007199254740991', '-9007199254740991']) {
    t.match(read(text), { at: { ids: [1, Number(text)] } }, text);
  }
  for (const text of [
    ...['9007199254740992', '9007199254740993', '-9007199254740993', '1e16', '1e400'],
    ...['9007199254740991.4', '1.00000000000000000001', '1e-400', '10000000000000001e-16'],
    ...['0.1'.padEnd(41, '0'), `0.${'0'.repeat(300_000)}1`],
  ]) {
    const error = errorOf(() => read(text));
    t.match(error, { code: 'invalid_field', field: 'at.ids' }, text.slice(0, 40));
  }
});
