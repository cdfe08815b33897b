// Goal: who subscribes to a topic that another node deletes is told so, also when it was made again under its
// name before this worker has looked: whatever then comes is of the other topic.
import t from 'tap';
import { eventually } from '../../../native-bench/rig/eventually.js';
import { systemClock } from '../../../src/core/clock.js';
import { DEFAULT_LIMITS } from '../../../src/core/limits.js';
import { ANYONE } from '../../../src/core/principal.js';
import type { TopicKey } from '../../../src/core/topic-key.js';
import { MemoryLog } from '../../../src/log/memory/memory-log.js';
import { UNSUBSCRIBED_TOPIC_DELETED } from '../../../src/thread/ops/subscribe.js';
import type { PublishUnderWay } from '../../../src/topic/log/publishes.js';
import { WorkerClient } from '../../support/nodes/worker-client.js';

const logs: MemoryLog<PublishUnderWay>[] = [];
const worker = new WorkerClient((sink) => {
  const log = new MemoryLog({
    ...{ limits: DEFAULT_LIMITS, clock: systemClock, sink, idBase: 1, idStep: 1 },
  });
  logs.push(log);
  return log;
}, null);
await worker.open();
t.teardown(() => worker.close());

/** As another node does it. */
async function deleted(key: TopicKey): Promise<void> {
  for (const log of logs) await log.deleteTopic(key);
}

t.test('made again by a call of this worker', async (t) => {
  const key = ANYONE.keyOf('replaced');
  const subscriptions = [await worker.subscribe(key, null), await worker.subscribe(key, 'sub')];
  await deleted(key);
  t.match(await worker.call('topic.create', { key, retention: null }), { created: true });
  await eventually(() => subscriptions.every(({ ended }) => ended !== null)).catch(() => undefined);
  for (const { ended } of subscriptions) t.equal(ended, UNSUBSCRIBED_TOPIC_DELETED);
  const again = await worker.subscribe(key, 'sub');
  await worker.publish(key, 1);
  await eventually(() => again.messages.length === 1);
  t.same(again.messages, ['1 1'], 'and who comes back has the other');
});
