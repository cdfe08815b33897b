import t from 'tap';
import { formatEpoch, isEpochOf } from '../../../src/core/epoch.js';
import { startPosition } from '../../../src/topic/start-position.js';

const EPOCH = formatEpoch(5, 'abc1');
const topic = { topicId: 5, epoch: EPOCH, firstSequence: 11, head: 20 };
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
  'a position of another timeline resumes at the head at most, and says failover',
  async (t) => {
    const answer = at(40, formatEpoch(5, 'other'));
    t.equal(answer.cursor, 20);
    t.equal(answer.recovered, false);
    t.equal(answer.gap?.reason, 'failover');
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
