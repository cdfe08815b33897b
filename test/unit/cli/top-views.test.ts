// Goal: rows of top are sorted by any column, and what they count grows by the second.
import t from 'tap';
import { GrowthRates, sorted, TOP_VIEWS } from '../../../src/cli/node/top-views.js';

t.test('each view is sorted by a column of its own at first', async (t) => {
  for (const { columns, sortedBy, name } of TOP_VIEWS) {
    t.ok(
      columns.some(({ title }) => title === sortedBy),
      name,
    );
  }
  t.equal(new Set(TOP_VIEWS.map(({ key }) => key)).size, TOP_VIEWS.length);
});

t.test('numbers by size, texts by the alphabet, and the other way round', async (t) => {
  const column = { title: 'X', of: ({ x }: Readonly<Record<string, unknown>>) => x };
  const order = (values: unknown[], way: 'greatest first' | 'reversed' = 'greatest first') =>
    sorted(
      values.map((x) => ({ x })),
      column,
      way,
    ).map(({ x }) => x);
  t.same(order([1, 10, 9]), [10, 9, 1]);
  t.same(order([1, 10, 9], 'reversed'), [1, 9, 10]);
  t.same(order(['b', 'a']), ['a', 'b']);
  t.same(order([null, 3]), [3, null]);
});

t.test('growth is by the second, and of rows that were there before', async (t) => {
  const [topics] = TOP_VIEWS;
  if (topics === undefined) throw new Error('there is no view');
  const rates = new GrowthRates(topics);
  const at = (ms: number, ...rows: [string, number][]) =>
    rates
      .of(
        rows.map(([name, sequence]) => ({ name, sequence })),
        ms,
      )
      .map((row) => row['rate']);
  t.same(at(1_000, ['a', 100]), [0]);
  t.same(at(3_000, ['a', 300], ['b', 50]), [100, 0]);
  t.same(at(3_500, ['a', 10], ['b', 100]), [0, 100], 'one that was made again');
});
