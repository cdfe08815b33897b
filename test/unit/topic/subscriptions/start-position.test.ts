import t from 'tap';
import { formatEpoch, isEpochOf } from '../../../../src/core/epoch.js';
import { startPosition } from '../../../../src/topic/subscriptions/start-position.js';

const EPOCH = formatEpoch(5, 'abc1');
const OTHER = formatEpoch(5, 'other');
const topic = { topicId: 5, epoch: EPOCH, common: Infinity, firstSequence: 11, head: 20 };
const at = (sequence: number, epoch: string | null = null) =>
  startPosition({ ...topic, start: { from: 'sequence', sequence, epoch } });

t.test('latest starts at the head, earliest at what the log still has', async (t) => {
  t.equal(startPosition({ ...topic, start: { from: 'latest' } }).cursor, 20);
  t.equal(startPosition({ ...topic, start: { from: 'earliest' } }).cursor, 10);
  const empty = { ...topic, firstSequence: 1, head: 0 };
  t.equal(startPosition({ ...empty, start: { from: 'earliest' } }).cursor, 0);
});

t.test('a sequence that the log has is the first one delivered', async (t) => {
  t.same(at(15), { cursor: 14, recovered: true, gap: null });
  t.same(at(15, EPOCH), { cursor: 14, recovered: true, gap: null });
  t.same(at(21), { cursor: 20, recovered: true, gap: null });
});

t.test('a sequence past the head of this epoch is refused', async (t) => {
  t.throws(() => at(22), { code: 'bad_cursor', field: 'start.sequence' });
});

t.test('what retention has passed is told as a gap', async (t) => {
  t.same(at(4), { cursor: 10, recovered: false, gap: { from: 4, to: 10, reason: 'retention' } });
});

t.test(
  'a position of another incarnation resumes at what both have, and says failover',
  async (t) => {
    const cases: [
      sequence: number,
      common: number | null,
      cursor: number,
      from: number,
      to: number,
    ][] = [
      // What it had above is no more, and is given again as it is here.
      [19, 15, 15, 16, 18],
      [40, 15, 15, 16, 39],
      [40, 30, 20, 21, 39],
      // Nothing of what it had is lost; what it had not is given.
      [13, 15, 12, 13, 12],
      // Retention has passed what both have.
      [19, 4, 10, 5, 18],
      [6, 4, 10, 5, 10],
      [19, 0, 10, 1, 18],
      // Of an incarnation that nobody knows nothing is vouched for.
      [40, null, 20, 1, 20],
      [15, null, 14, 1, 14],
      [3, null, 10, 1, 10],
    ];
    for (const [sequence, common, cursor, from, to] of cases) {
      const start = { from: 'sequence' as const, sequence, epoch: OTHER };
      const answer = startPosition({ ...topic, common, start });
      const gap = { from, to, reason: 'failover' };
      t.same(answer, { cursor, recovered: false, gap }, `${sequence}, ${common}`);
    }
  },
);

t.test('a position of the topic that had the name before starts from the start', async (t) => {
  const answer = at(15, formatEpoch(4, 'abc1'));
  t.equal(answer.cursor, 10);
  t.equal(answer.gap?.reason, 'topic_recreated');
});

t.test('epochs of one topic id are told from those of another', async (t) => {
  t.ok(isEpochOf(formatEpoch(36, 'zz'), 36));
  t.notOk(isEpochOf(formatEpoch(36, 'zz'), 37));
  t.notOk(isEpochOf(formatEpoch(1, '2z'), 47));
  t.match(formatEpoch(2 ** 53 - 1, 'a'.repeat(20)), /^[0-9a-z]{1,32}$/);
});
