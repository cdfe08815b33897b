// Goal: topics are brought over to another log all at once, however many they are, by queries that are not
// longer for it; one that the other log has under another name is not there.
import t from 'tap';
import { eventually } from '../../../../native-bench/rig/eventually.js';
import { systemClock } from '../../../../src/core/clock.js';
import { DEFAULT_LIMITS } from '../../../../src/core/limits.js';
import type { TopicRecord } from '../../../../src/core/topic-record.js';
import { type BroughtTopic, Resync } from '../../../../src/topic/log/resync.js';
import { Figures } from '../../../../src/topic/state/figures.js';
import { HotCacheBudget } from '../../../../src/topic/state/hot-cache.js';
import { Topics } from '../../../../src/topic/state/topics.js';
import { keyOf } from '../../../support/tenants.js';

const TOPICS = 2_500;

function recordOf(id: number, name: string): TopicRecord {
  return {
    ...{ id, key: keyOf(name), lastSequence: id, firstSequence: 1, bytes: 0 },
    ...{ createdAtMs: 0, lastPublishedAtMs: 0 },
    retention: { hours: null, messages: null, bytes: null },
  };
}

t.test('a round of many topics', async (t) => {
  const topics = new Topics({
    ...{ find: async () => null, epochOf: () => 'e', clock: systemClock },
    budget: new HotCacheBudget(DEFAULT_LIMITS.hotCacheBytesMax),
    figures: new Figures(systemClock),
    onReplaced: () => undefined,
  });
  for (let id = 1; id <= TOPICS; id++) topics.met(recordOf(id, `t${id}`));
  const asked: number[] = [];
  const rounds: (readonly BroughtTopic[])[] = [];
  const resync = new Resync({
    topics,
    log: {
      epochOf: () => 'f',
      commonUpTo: async (positions) => positions.map(({ topicId }) => topicId - 1),
      headsHere: async (ids) => {
        asked.push(ids.length);
        // The second is gone, and the third's id was given to another.
        const there = ids.filter((id) => id !== 2);
        return new Map(there.map((id) => [id, recordOf(id, id === 3 ? 'other' : `t${id}`)]));
      },
    },
    onBrought: (brought) => rounds.push(brought),
    onFailed: (error) => t.fail(String(error)),
  });
  resync.now();
  await eventually(() => rounds.length > 0);
  t.equal(rounds.length, 1);
  t.same(asked, [1_000, 1_000, 500]);
  const [round = []] = rounds;
  t.equal(round.length, TOPICS);
  const heads = round.map(({ record }) => record?.lastSequence ?? null);
  t.same(heads.slice(0, 4), [1, null, null, 4]);
  t.equal(heads.at(-1), TOPICS);
  t.equal(round.at(-1)?.common, TOPICS - 1);
});
