// Goal: a session that goes on here with what another node coordinated ends with all of it, in whatever order
// its subscriptions were opened; one that stayed would be given messages that nobody takes.
import t, { type Test } from 'tap';
import { systemClock } from '../../../../src/core/clock.js';
import { DEFAULT_LIMITS } from '../../../../src/core/limits.js';
import type { TopicKey } from '../../../../src/core/topic-key.js';
import { Turns } from '../../../../src/core/turns.js';
import { FoldedReads } from '../../../../src/log/contract/folded-reads.js';
import type { MessageLog } from '../../../../src/log/contract/message-log.js';
import { ENCODING_JSON } from '../../../../src/thread/ops/encoding.js';
import type { SubscribeOp } from '../../../../src/thread/ops/subscribe.js';
import type { SubscribeOptions } from '../../../../src/thread/ops/subscribe-options.js';
import type { PublishUnderWay } from '../../../../src/topic/log/publishes.js';
import { AbroadSubscription } from '../../../../src/topic/peers/abroad-subscription.js';
import { WorkerSessions } from '../../../../src/topic/state/worker-sessions.js';
import { SubscriptionRequests } from '../../../../src/topic/subscriptions/subscription-requests.js';
import { DeliveryRig } from '../../../support/delivery/delivery-rig.js';
import { keyOf } from '../../../support/tenants/tenants.js';

const SESSION = 7;
const NAME = 'one';
const OPTIONS: SubscribeOptions = {
  ...{ name: NAME, ack: 'explicit', maxInFlight: null, ackWaitMs: null, maxDeliver: null },
  ...{ ordering: 'none', exclusive: false, start: { from: 'earliest' }, create: false },
};

interface Reopened {
  rig: DeliveryRig;
  sessions: WorkerSessions;
  requests: SubscriptionRequests;
  /** What is being opened; it waits for its turn until `go` is called. */
  opened: Promise<void>;
  go: () => void;
}

/** A session has two that another node coordinated; of one the topic is gone, which it is told first. */
async function reopenTwo(t: Test): Promise<Reopened> {
  const rig = await DeliveryRig.start(t, 6);
  const { topics, delivery, log, topic, outlet } = rig;
  const settings = { ackWaitMs: 30_000, maxDeliver: 5, ordering: 'none' } as const;
  await log.subscriptions.take(topic.id, NAME, { settings, cursor: 0 });
  const sessions = new WorkerSessions();
  const turns = new Turns({ atOnce: 1, waitingMax: 10 });
  const requests = new SubscriptionRequests({
    ...{ topics, delivery, sessions, turns, clock: systemClock, limits: DEFAULT_LIMITS },
    ...{ origin: 's', workers: 1, abroad: () => null },
    log: log as unknown as MessageLog<PublishUnderWay>,
    heads: new FoldedReads((ids: readonly number[]) => log.heads(ids)),
    onBug: (error) => t.fail(String(error)),
  });
  let go = (): void => undefined;
  void turns.run('others', () => new Promise<void>((resolve) => (go = resolve)));
  const reopen = (number: number, of: TopicKey): Promise<void> => {
    const op: SubscribeOp = {
      ...{ request: 0, session: SESSION, subscription: number, topic: of },
      ...{ encoding: ENCODING_JSON, options: OPTIONS },
    };
    const known = { number, outlet, op, topic, sessionName: 's', onAnswered: null };
    return requests.reopen(new AbroadSubscription(known));
  };
  const opened = reopen(1, topic.key);
  await t.rejects(reopen(2, keyOf('gone')), { code: 'topic_not_found' });
  return { rig, sessions, requests, opened, go };
}

t.test('what is opened here after another of its session failed ends with it', async (t) => {
  const { rig, sessions, requests, opened, go } = await reopenTwo(t);
  go();
  await opened;
  t.equal(rig.topic.subscriptions.size, 1);
  requests.sessionEnded(rig.outlet, { session: SESSION, abrupt: true });
  t.equal(rig.topic.subscriptions.size, 0);
  t.equal(sessions.size, 0);
});

t.test('what waits to be opened here when its session ends is not opened', async (t) => {
  const { rig, sessions, requests, opened, go } = await reopenTwo(t);
  requests.sessionEnded(rig.outlet, { session: SESSION, abrupt: true });
  go();
  await t.rejects(opened, { code: 'subscription_gone' });
  t.equal(rig.topic.subscriptions.size, 0);
  t.equal(sessions.size, 0);
});
