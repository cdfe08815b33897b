// Goal: rows that came too early come out in sequence order, each once, and only where nothing is missing
// before them; what is kept of them is bounded.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { rowBytes } from '../../../../src/core/message.js';
import { AHEAD_ROWS_MAX, AheadBudget, AheadRows } from '../../../../src/topic/state/ahead-rows.js';
import { logRow } from '../../../support/log/log-rows.js';

const PLENTY = 100_000_000;
const rowsOf = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, n) => logRow(from + n));
const sequencesOf = (rows: readonly { sequence: number }[]) => rows.map((row) => row.sequence);

t.test('whatever order they come in, and however often, against a model', async () => {
  const run = fc.record({
    from: fc.integer({ min: 1, max: 40 }),
    length: fc.integer({ min: 1, max: 6 }),
    take: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(run, { maxLength: 40 }), (runs) => {
      const ahead = new AheadRows(new AheadBudget(PLENTY));
      let model = new Set<number>();
      let head = 0;
      for (const { from, length, take } of runs) {
        const rows = rowsOf(from, from + length - 1);
        ahead.add(rows);
        for (const { sequence } of rows) model.add(sequence);
        if (!take) continue;
        const wanted: number[] = [];
        while (model.has(head + 1)) wanted.push(++head);
        assert.deepEqual(sequencesOf(ahead.takeAfter(head - wanted.length)), wanted);
        model = new Set([...model].filter((sequence) => sequence > head));
        assert.equal(ahead.size, model.size);
        head++;
      }
    }),
  );
});

t.test('rows and bytes are bounded, and there is room again once they were taken', async (t) => {
  const ahead = new AheadRows(new AheadBudget(PLENTY));
  ahead.add(rowsOf(2, AHEAD_ROWS_MAX + 100));
  t.equal(ahead.size, AHEAD_ROWS_MAX);
  t.equal(ahead.takeAfter(1).length, AHEAD_ROWS_MAX);
  const megabyte = Buffer.alloc(1024 * 1024);
  for (let sequence = 2; sequence < 30; sequence++) ahead.add([logRow(sequence, megabyte)]);
  t.equal(ahead.size, 7, 'of a megabyte and what a row is reckoned at');
  t.equal(ahead.takeAfter(1).length, 7);
  ahead.add([logRow(9, megabyte)]);
  t.equal(ahead.size, 1);
  ahead.clear();
  t.equal(ahead.size, 0);
});

t.test('topics share one budget; what finds no room is said, and room comes back', async (t) => {
  const kilobyte = Buffer.alloc(1_000);
  const three = [2, 3, 4].map((sequence) => logRow(sequence, kilobyte));
  const of = three.reduce((sum, row) => sum + rowBytes(row), 0);
  const budget = new AheadBudget((of * 5) / 3);
  const [one, other, third] = [1, 2, 3].map(() => new AheadRows(budget));
  t.equal(one?.add(three), 'kept');
  t.equal(other?.add(three), 'full');
  t.equal(other?.size, 2, 'the first of them found room');
  t.equal(third?.add(three), 'full');
  t.equal(third?.size, 0);
  t.equal(one?.takeAfter(1).length, 3);
  t.equal(third?.add(three), 'kept');
  t.equal(other?.add(three), 'full');
  other?.clear();
  other?.clear();
  t.equal(one?.add(three), 'full');
  t.equal(one?.size, 2, 'what is cleared twice is given back once');
});
