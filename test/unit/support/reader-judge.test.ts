// Goal: the judge of what a client's reader saw finds each kind of fault, and nothing where there is none.
import t from 'tap';
import { judgeReader, type LoggedPlace } from '../../support/restarts/reader-judge.js';
import type { Reading, Seen } from '../../support/restarts/restart-load.js';

const log: LoggedPlace[] = [1, 2, 3, 4].map((sequence) => ({
  sequence,
  mark: `m${sequence}`,
  messageId: `id${sequence}`,
}));

/** Sequences that came, as a first attempt; `again`: those that came as a second one. */
function seenOf(sequences: readonly number[], again: readonly number[] = []): Seen[] {
  return sequences.map((sequence) => ({
    sequence,
    mark: `m${sequence}`,
    messageId: `id${sequence}`,
    attempt: again.includes(sequence) ? 2 : 1,
  }));
}

const ROWS: readonly [Reading, Seen[], string[]][] = [
  ['ephemeral', seenOf([1, 2, 3, 4]), []],
  ['ephemeral', seenOf([1, 2, 2, 1, 3, 4]), []],
  ['ordered', seenOf([1, 2, 4, 3]), ['missed: 4 after 2', 'out of order: 3 after 4, attempt 1']],
  ['ephemeral', seenOf([1, 2, 4]), ['missed: 4 after 2', 'never seen: m3 at 3']],
  ['ephemeral', seenOf([1, 2, 3]), ['never seen: m4 at 4']],
  ['durable', seenOf([1, 3, 2, 4], [2]), []],
  ['durable', seenOf([1, 3, 2, 4]), ['out of order: 2 after 3, attempt 1']],
  ['durable', seenOf([1, 3, 4]), ['never seen: m2 at 2']],
  [
    'durable',
    [...seenOf([1, 2, 3, 4]), { sequence: 5, mark: 'm5', messageId: 'id5', attempt: 1 }],
    ['made up: m5 at 5, where the log has undefined'],
  ],
  [
    'ephemeral',
    seenOf([1, 2, 3, 4]).map((one) => ({ ...one, messageId: one.messageId.replace('3', '9') })),
    ['made up: m3 at 3, where the log has m3'],
  ],
];

t.test('what was missed, out of order or made up is found, and nothing else', async (t) => {
  for (const [reading, seen, faults] of ROWS) {
    const found = judgeReader(reading, log, seen);
    t.same(
      found,
      faults.map((fault) => `${reading}: ${fault}`),
    );
  }
});
