// Goal: publishes whose topic is not known are told in their order, each from a look up that began after it
// came, and one look up serves all of a name.
import t from 'tap';
import { asTenant, type TopicKey, topicKey } from '../../../../src/core/topic-key.js';
import type { TopicRecord } from '../../../../src/core/topic-record.js';
import { FoldedReads } from '../../../../src/log/contract/folded-reads.js';
import type { PublishOp } from '../../../../src/thread/ops/publish.js';
import { TopicWaits } from '../../../../src/topic/log/topic-waits.js';
import type { Outlet } from '../../../../src/topic/state/outlet.js';

type Answer = Map<TopicKey, TopicRecord> | Error;

const TENANT = asTenant('default');
const [A, B] = [topicKey(TENANT, 'a'), topicKey(TENANT, 'b')];
const RECORD = { key: A, id: 1 } as TopicRecord;

function rig() {
  const queries: (readonly TopicKey[])[] = [];
  const told: string[] = [];
  let answer: (as: Answer) => void = () => undefined;
  const records = new FoldedReads(
    (of: readonly TopicKey[]) =>
      new Promise<Map<TopicKey, TopicRecord>>((resolve, reject) => {
        queries.push(of);
        answer = (as) => (as instanceof Error ? reject(as) : resolve(as));
      }),
  );
  const waits = new TopicWaits({
    records,
    onFound: ({ id }, waiting) => told.push(`found ${id}: ${requests(waiting)}`),
    onMissing: (error, waiting) => told.push(`${error ?? 'missing'}: ${requests(waiting)}`),
  });
  const requests = (waiting: readonly { op: PublishOp }[]): string =>
    waiting.map(({ op }) => op.request).join(' ');
  return {
    queries,
    told,
    waits,
    publish: (topic: TopicKey, request: number) => {
      const op = { topic, request } as PublishOp;
      waits.add({ outlet: {} as Outlet, op });
    },
    asked: () => new Promise((resolve) => setImmediate(resolve)),
    answer: async (as: Answer) => {
      answer(as);
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

t.test('one look up for all of a name; who came later is looked up again', async (t) => {
  const { queries, told, waits, publish, asked, answer } = rig();
  publish(A, 1);
  publish(B, 2);
  await asked();
  for (const request of [3, 4]) publish(A, request);
  await answer(new Map());
  t.same(told, ['missing: 1', 'missing: 2'], 'those that came before it');
  t.ok(waits.has(A));
  t.notOk(waits.has(B));
  publish(A, 5);
  await answer(new Map());
  t.same(told.slice(2), ['missing: 3 4']);
  await answer(new Map([[A, RECORD]]));
  t.same(told.slice(3), ['found 1: 5']);
  t.notOk(waits.has(A));
  t.same(queries, [[A, B], [A], [A]]);
});

t.test('a topic that was found is found for all that wait, in their order', async (t) => {
  const { told, publish, asked, answer } = rig();
  publish(A, 1);
  await asked();
  for (const request of [2, 3]) publish(A, request);
  await answer(new Map([[A, RECORD]]));
  t.same(told, ['found 1: 1 2 3']);
});

t.test('what the log rejects with is told to those it was asked for', async (t) => {
  const { told, publish, asked, answer } = rig();
  publish(A, 1);
  await asked();
  publish(A, 2);
  await answer(new Error('away'));
  t.same(told, ['Error: away: 1']);
  await answer(new Map());
  t.same(told.slice(1), ['missing: 2']);
});
