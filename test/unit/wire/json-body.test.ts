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
