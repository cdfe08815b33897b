// Goal: what waits for the log while it becomes another one is refused for now, since what it was told of the
// log before says nothing of where to start in the next.
import t from 'tap';
import { systemClock } from '../../../../src/core/clock.js';
import { DEFAULT_LIMITS } from '../../../../src/core/limits.js';
import { Turns } from '../../../../src/core/turns.js';
import { FoldedReads } from '../../../../src/log/contract/folded-reads.js';
import type { MessageLog } from '../../../../src/log/contract/message-log.js';
import { ENCODING_JSON } from '../../../../src/thread/ops/encoding.js';
import type { SubscribeOp } from '../../../../src/thread/ops/subscribe.js';
import type { SubscribeOptions } from '../../../../src/thread/ops/subscribe-options.js';
import type { PublishUnderWay } from '../../../../src/topic/log/publishes.js';
import { AbroadSubscription } from '../../../../src/topic/peers/abroad-subscription.js';
import type { DurableIdentity } from '../../../../src/topic/state/tracker.js';
import type { SessionEntry } from '../../../../src/topic/state/worker-sessions.js';
import { Openings } from '../../../../src/topic/subscriptions/openings.js';
import { DeliveryRig } from '../../../support/delivery/delivery-rig.js';

const OPTIONS: SubscribeOptions = {
  ...{ name: null, ack: 'explicit', maxInFlight: null, ackWaitMs: null, maxDeliver: null },
  ...{ ordering: 'none', exclusive: false, start: { from: 'earliest' }, create: false },
};

/** What opens subscriptions to the topic of a rig; `whileReading` is called once a head was read. */
function openingsOf(rig: DeliveryRig, turns: Turns, whileReading: () => void): Openings {
  const { topics, delivery } = rig;
  const fail = (): never => {
    throw new Error('nothing ends here');
  };
  return new Openings({
    ...{
      topics,
      delivery,
      turns,
      clock: systemClock,
      limits: DEFAULT_LIMITS,
      origin: 's',
      workers: 1,
    },
    log: rig.log as unknown as MessageLog<PublishUnderWay>,
    heads: new FoldedReads(async (ids: readonly number[]) => {
      const records = await rig.log.heads(ids);
      whileReading();
      return records;
    }),
    onTopicGone: fail,
    abroad: () => null,
    onTakeOver: fail,
  });
}

function subscribe(
  openings: Openings,
  { outlet, topic }: DeliveryRig,
  options: Partial<SubscribeOptions>,
): Promise<void> {
  const of = { request: 1, session: 1, subscription: 1, topic: topic.key };
  const op: SubscribeOp = { ...of, encoding: ENCODING_JSON, options: { ...OPTIONS, ...options } };
  const entry: SessionEntry = { key: 1, state: 'open', subscriptions: new Set(), asks: null };
  return openings.open(entry, { outlet, op });
}

const CASES: { [when: string]: Partial<SubscribeOptions> } = {
  'ephemeral, from a time': { start: { from: 'time', timeMs: 0 } },
  durable: { name: 'one' },
};

t.test('a subscribe that waits for its turn when the log falls back is refused', async (t) => {
  for (const [what, options] of Object.entries(CASES)) {
    const rig = await DeliveryRig.start(t, 6);
    const turns = new Turns({ atOnce: 1, waitingMax: 10 });
    let release = (): void => undefined;
    const others = turns.run('others', () => new Promise<void>((resolve) => (release = resolve)));
    const openings = openingsOf(rig, turns, () =>
      setImmediate(() => {
        rig.fallBack(3, 4);
        release();
      }),
    );
    const opened = subscribe(openings, rig, options);
    await t.rejects(opened, { code: 'log_unavailable' }, what);
    await others;
    t.equal(rig.topic.subscriptions.size, 0);
  }
});

t.test('a head that was read of the log before is not started from', async (t) => {
  const rig = await DeliveryRig.start(t, 6);
  const turns = new Turns({ atOnce: 1, waitingMax: 10 });
  const openings = openingsOf(rig, turns, () => rig.fallBack(3, 4));
  await t.rejects(subscribe(openings, rig, {}), { code: 'log_unavailable' });
});

t.test('a seek that the log falls back under is refused', async (t) => {
  const rig = await DeliveryRig.start(t, 6);
  const turns = new Turns({ atOnce: 1, waitingMax: 10 });
  const openings = openingsOf(rig, turns, () => rig.fallBack(3, 4));
  const position = openings.position(rig.topic, { from: 'latest' });
  await t.rejects(position, { code: 'log_unavailable' });
});

t.test('what another node gave a session is known by its id once it is opened here', async (t) => {
  const rig = await DeliveryRig.start(t, 6);
  const { outlet, topic } = rig;
  const openings = openingsOf(rig, new Turns({ atOnce: 1, waitingMax: 10 }), () => undefined);
  const of = { request: 0, session: 1, subscription: 1, topic: topic.key };
  const options = { ...OPTIONS, name: 'one' };
  const op: SubscribeOp = { ...of, encoding: ENCODING_JSON, options };
  const abroad = { number: 1, outlet, op, topic, sessionName: 's', onAnswered: null };
  const settings = { ackWaitMs: 30_000, maxDeliver: 5, ordering: 'none' } as const;
  await rig.log.subscriptions.take(topic.id, 'one', { settings, cursor: 0 });
  const one = new AbroadSubscription(abroad);
  const id = new Uint8Array(16).fill(200);
  one.held.given({ sequence: 3, attempt: 1 }, id);
  const entry: SessionEntry = { key: 1, state: 'open', subscriptions: new Set(), asks: null };
  await openings.open(entry, { outlet, op, one });
  const [subscription] = entry.subscriptions;
  t.equal(subscription?.sequenceOf(id), 3);
  t.same(subscription?.idBefore(3), id, 'and again, when it goes on elsewhere');
});

t.test('a session that follows makes nothing, and takes no other of that name', async (t) => {
  const rig = await DeliveryRig.start(t, 6);
  const { outlet, topic } = rig;
  const openings = openingsOf(rig, new Turns({ atOnce: 1, waitingMax: 10 }), () => undefined);
  const of = { request: 0, session: 1, subscription: 1, topic: topic.key };
  const op: SubscribeOp = { ...of, encoding: ENCODING_JSON, options: { ...OPTIONS, name: 'one' } };
  const { subscriptions } = rig.log;
  const follow = async (identity: DurableIdentity | null): Promise<void> => {
    const known = { number: 1, outlet, op, topic, identity, sessionName: 's', onAnswered: null };
    const one = new AbroadSubscription(known);
    const entry: SessionEntry = { key: 1, state: 'open', subscriptions: new Set(), asks: null };
    await openings.open(entry, { outlet, op, one });
  };
  const gone = { code: 'subscription_not_found' };
  await t.rejects(follow(null), gone);
  t.equal(await subscriptions.find(topic.id, 'one'), null, 'nor made for a moment');
  await t.rejects(subscriptions.take(topic.id, 'one', null), gone);
  const settings = { ackWaitMs: 30_000, maxDeliver: 5, ordering: 'none' } as const;
  const { record } = await subscriptions.take(topic.id, 'one', { settings, cursor: 0 });
  await t.rejects(follow({ ...record, id: record.id + 1 }), gone);
  await t.rejects(follow({ ...record, createdAtMs: record.createdAtMs - 1 }), gone);
  await follow(record);
});
