import t from 'tap';
import { FoldedReads } from '../../../../src/log/contract/folded-reads.js';

/** A log that answers a query when it is told to, as it is then. */
class SlowLog {
  readonly queries: (readonly string[])[] = [];
  readonly there = new Map<string, number>();
  #answer: (() => void) | null = null;

  read(names: readonly string[]): Promise<Map<string, number>> {
    this.queries.push(names);
    const seen = new Map(this.there);
    return new Promise((resolve) => {
      this.#answer = () => resolve(seen);
    });
  }

  /** Until the next query, if there is one, has begun. */
  async answer(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#answer?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

t.test(
  'one query for all who ask, and what is made since is found by who asks after',
  async (t) => {
    const log = new SlowLog();
    const reads = new FoldedReads((names: readonly string[]) => log.read(names));
    const first = ['a', 'b', 'a'].map((name) => reads.read(name));
    await new Promise((resolve) => setImmediate(resolve));
    t.same(log.queries, [['a', 'b']]);
    log.there.set('a', 7);
    const later = reads.read('a');
    await log.answer();
    t.same(await Promise.all(first), [null, null, null], 'as it was when they asked');
    t.same(log.queries, [['a', 'b'], ['a']]);
    await log.answer();
    t.equal(await later, 7);
  },
);

t.test('a thousand names at most go in one query, one query at a time', async (t) => {
  const log = new SlowLog();
  const reads = new FoldedReads((names: readonly string[]) => log.read(names));
  const all = Array.from({ length: 2_500 }, (_, n) => reads.read(`t${n}`));
  for (let n = 1; n <= 3; n++) {
    await new Promise((resolve) => setImmediate(resolve));
    t.equal(log.queries.length, n);
    await log.answer();
  }
  await Promise.all(all);
  t.same(
    log.queries.map((names) => names.length),
    [1_000, 1_000, 500],
  );
});
