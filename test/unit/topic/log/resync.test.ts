// Goal: topics are brought over to another log all at once, however many they are, by queries that are not
// longer for it; one that the other log has under another name is not there.
import t from 'tap';
import { eventually } from '../../../../native-bench/rig/eventually.js';
import { systemClock } from '../../../../src/core/clock.js';
import { DEFAULT_LIMITS } from '../../../../src/core/limits.js';
import type { TopicRecord } from '../../../../src/core/topic-record.js';
import { type BroughtTopic, Resync, type ResyncOptions } from '../../../../src/topic/log/resync.js';
import { Figures } from '../../../../src/topic/state/figures.js';
import { HotCacheBudget } from '../../../../src/topic/state/hot-cache.js';
import { Topics } from '../../../../src/topic/state/topics.js';
import { keyOf } from '../../../support/tenants/tenants.js';

const TOPICS = 2_500;

function recordOf(id: number, name: string): TopicRecord {
  return {
    ...{ id, key: keyOf(name), lastSequence: id, firstSequence: 1, bytes: 0 },
    ...{ createdAtMs: 0, lastPublishedAtMs: 0 },
    retention: { hours: null, messages: null, bytes: null },
  };
}

function topicsOf(count: number): Topics {
  const topics = new Topics({
    ...{ find: async () => null, epochOf: () => 'e', clock: systemClock },
    budget: new HotCacheBudget(DEFAULT_LIMITS.hotCacheBytesMax),
    figures: new Figures(systemClock),
    onReplaced: () => undefined,
  });
  for (let id = 1; id <= count; id++) topics.met(recordOf(id, `t${id}`));
  return topics;
}

t.test('a round of many topics', async (t) => {
  const topics = topicsOf(TOPICS);
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

t.test('once its worker ends a round is not tried again, nor brings anything over', async (t) => {
  const topics = topicsOf(1);
  let asked = 0;
  const failed: string[] = [];
  let answer: (heads: Map<number, TopicRecord>) => void = () => undefined;
  let isAway = true;
  const options: ResyncOptions = {
    topics,
    log: {
      epochOf: () => 'f',
      commonUpTo: async () => [1],
      headsHere: () => {
        asked++;
        if (isAway) return Promise.reject(new Error('the log is away'));
        return new Promise((resolve) => {
          answer = resolve;
        });
      },
    },
    onBrought: () => t.fail('it was brought over'),
    onFailed: (error) => failed.push(String(error)),
  };
  const resync = new Resync(options);
  const timers = (): number =>
    process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  const before = timers();
  resync.now();
  await eventually(() => failed.length === 2);
  isAway = false;
  await eventually(() => asked === 3);
  resync.stop();
  answer(new Map());
  await new Promise((resolve) => setImmediate(resolve));
  resync.now();
  t.equal(asked, 3);
  isAway = true;
  const waiting = new Resync(options);
  waiting.now();
  await eventually(() => failed.length === 3);
  waiting.stop();
  t.equal(timers(), before);
});
