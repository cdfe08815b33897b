// Goal: a query of the log without whose it is, or by a bare name, does not compile.
import t from 'tap';
import { asTenant, topicKey } from '../../../../src/core/topic-key.js';
import type { MessageLog, PendingAppend } from '../../../../src/log/contract/message-log.js';
import type { SubscriptionStore } from '../../../../src/log/contract/subscription-store.js';
import type { CallArgs } from '../../../../src/thread/calls.js';
import type { TopicPlacement } from '../../../../src/thread/placement.js';
import type { Topics } from '../../../../src/topic/state/topics.js';

const PAGE = { after: 0, limit: 1 };

/** Compiled and never called: each line is an error to the compiler, or the build fails. */
export function neverCompiles(
  log: MessageLog<PendingAppend>,
  store: SubscriptionStore,
  { topics, placement }: { topics: Topics; placement: TopicPlacement },
): void {
  // @ts-expect-error: a bare name finds nothing.
  void log.findTopic('orders');
  // @ts-expect-error: nor do several.
  void log.findTopics(['orders']);
  // @ts-expect-error: a topic is made in a tenant.
  void log.createTopic('orders', null);
  // @ts-expect-error: and deleted there.
  void log.deleteTopic('orders');
  // @ts-expect-error: any text is no tenant.
  void log.listTopics('default', { prefix: '', after: '', limit: 1 });
  // @ts-expect-error: whose messages are deferred is said.
  void log.listDeferred(PAGE);
  // @ts-expect-error: an id alone cancels nothing.
  void log.cancelDeferred(1);
  // @ts-expect-error: totals are a tenant's.
  void log.totals();
  // @ts-expect-error: a filter says within what.
  void store.countDeadLetters({ subscription: null, ids: null });
  // @ts-expect-error: a bare name is not within anything.
  void store.countDeadLetters({ within: 'orders', subscription: null, ids: null });
  // @ts-expect-error: ids alone are given back to nobody.
  void store.redrive([1]);
  // @ts-expect-error: an id alone finds no message.
  void store.findMessage(new Uint8Array(16));
  // @ts-expect-error: a worker knows no topic by a bare name.
  topics.known('orders');
  // @ts-expect-error: and a name has no place.
  placement.workerOf('orders');
  // @ts-expect-error: a call without its key.
  const args: CallArgs<'topic.delete'> = {};
  // @ts-expect-error: figures are a tenant's.
  const stats: CallArgs<'stats'> = {};
  void [args, stats];
}

t.test('what has its tenant compiles', async (t) => {
  const key = topicKey(asTenant('acme'), 'orders');
  const args: CallArgs<'topic.delete'> = { key };
  t.equal(args.key, key);
  t.type(neverCompiles, 'function');
});
