// Goal: of more kinds of trouble than are kept nothing is lost: what was counted is sent, and the end of a
// trouble that goes on is told.
import t from 'tap';
import { TroubleReport } from '../../../src/observe/trouble-report.js';

const KINDS_MAX = 100;

t.test('of too many kinds the one not heard of for longest is forgotten', async (t) => {
  const told = new Map<string, number>();
  const over: string[] = [];
  const report = new TroubleReport({
    trouble: ({ kind }, times) => told.set(kind, (told.get(kind) ?? 0) + times),
    over: (kind) => over.push(kind),
  });
  t.teardown(() => report.close());
  const trouble = (kind: string): void =>
    report.trouble({ kind, line: kind, cause: kind, stack: null });
  for (const kind of ['goes on', 'was', 'was', 'was', 'goes on']) trouble(kind);
  for (let n = 2; n < KINDS_MAX; n++) trouble(`once ${n}`);
  t.equal(told.get('was'), 1, 'the others wait for the next sending');
  trouble('one more');
  t.equal(told.get('was'), 3);
  report.over(['goes on', 'was', 'one more']);
  t.equal(told.get('goes on'), 2);
  t.same(over, ['goes on', 'one more']);
});
