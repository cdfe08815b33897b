// Goal: whatever was on its way when the log became another one, or an operator moved a subscription, every
// session goes on from where it fell back to, with messages of the log that answers now.
import t from 'tap';
import { eventually } from '../../../../native-bench/rig/eventually.js';
import { ACK_CUMULATIVE } from '../../../../src/thread/ops/acknowledge.js';
import type { Subscription } from '../../../../src/topic/state/subscription.js';
import { DeliveryRig } from '../../../support/delivery/delivery-rig.js';

/** Acknowledges all that it was sent. */
function ackAll({ delivery, outlet, topic }: DeliveryRig, one: Subscription): void {
  const { session, number: subscription, delivered: sequence } = one;
  const of = { request: 0, session, subscription, topicNo: topic.no };
  delivery.ack(outlet, { ...of, kind: ACK_CUMULATIVE, sequence, messageId: null });
  delivery.endTurn();
}

/** Every page is taken and acknowledged until the session was sent all. */
async function goOn(rig: DeliveryRig, one: Subscription): Promise<void> {
  await eventually(() => {
    rig.drained(one);
    if (one.tracker !== null) ackAll(rig, one);
    return one.delivered === rig.topic.head;
  });
  await new Promise((resolve) => setImmediate(resolve));
}

t.test('a page that is being read does not hold back who goes on elsewhere', async (t) => {
  const moves = {
    'the log fell back': (rig: DeliveryRig) => rig.fallBack(30, 40),
    'an operator moved it': (rig: DeliveryRig, { tracker }: Subscription) => {
      if (tracker !== null) rig.delivery.seek(tracker, 40);
    },
  };
  const cases: [keyof typeof moves, 'tracked' | 'untracked', number][] = [
    ['the log fell back', 'untracked', 0],
    ['the log fell back', 'tracked', 0],
    ['an operator moved it', 'tracked', 40],
  ];
  for (const [move, kind, from] of cases) {
    const rig = await DeliveryRig.start(t, 60);
    const release = rig.holdReads();
    const tracker = kind === 'tracked' ? rig.tracker() : null;
    const one = rig.subscribe(1, { tracker });
    await eventually(() => rig.reads === 1);
    moves[move](rig, one);
    release();
    await goOn(rig, one);
    const wanted = rig.messages(from + 1, rig.topic.head);
    t.same(rig.messagesTo(one), wanted, `${move}, ${kind}`);
  }
});

/** A session that was sent 20 of 60, with more of them read ahead for it. */
async function withRowsAhead(rig: DeliveryRig): Promise<Subscription> {
  const one = rig.subscribe(1, { tracker: rig.tracker(), maxInFlight: 20 });
  await eventually(() => one.delivered === 20);
  rig.drained(one);
  await eventually(() => (one.ahead?.rows?.length ?? 0) > 0);
  return one;
}

t.test('what was read ahead of the log before is not sent', async (t) => {
  const rig = await DeliveryRig.start(t, 60);
  const one = await withRowsAhead(rig);
  rig.fallBack(30, 40);
  await goOn(rig, one);
  t.same(rig.messagesTo(one).slice(20), rig.messages(21, 40));
});

/** Everything is taken and acknowledged until all was given and settled. */
async function shareAll(rig: DeliveryRig, sessions: readonly Subscription[]): Promise<void> {
  await eventually(() => {
    for (const one of sessions) {
      if (one.giving !== null) rig.given(one, Number.POSITIVE_INFINITY);
      ackAll(rig, one);
    }
    return sessions[0]?.tracker?.cursor.floor === rig.topic.head;
  });
}

const inOrder = (messages: string[]): string[] =>
  [...messages].sort((a, b) => Number(a.slice(3)) - Number(b.slice(3)));

t.test('sessions that share are given the messages of the log that answers', async (t) => {
  for (const when of ['read', 'being read'] as const) {
    const rig = await DeliveryRig.start(t, 60);
    const release = when === 'being read' ? rig.holdReads() : () => undefined;
    const tracker = rig.tracker();
    const sessions = [1, 2].map((number) => rig.subscribe(number, { tracker, maxInFlight: 5 }));
    if (when === 'read') await eventually(() => tracker.cursor.delivered > 0);
    else await eventually(() => rig.reads > 0);
    const sent = tracker.cursor.delivered;
    rig.fallBack(30, 40);
    release();
    await shareAll(rig, sessions);
    const all = sessions.flatMap((one) => rig.messagesTo(one));
    t.same(inOrder(all).slice(sent), rig.messages(sent + 1, 40), when);
  }
});

t.test('what others wrote is read of the log that answers', async (t) => {
  const rig = await DeliveryRig.start(t, 30);
  const one = rig.subscribe(1, { delivered: 30 });
  const release = rig.holdReads();
  rig.foreign(30);
  await eventually(() => rig.reads === 1);
  rig.fallBack(30, 30);
  rig.publish();
  release();
  await eventually(() => one.delivered > 30);
  rig.publish();
  await eventually(() => one.delivered === 32);
  await new Promise((resolve) => setImmediate(resolve));
  const seen = rig.handed.flatMap(({ messages }) => messages);
  t.same(seen, rig.messages(31, 32));
});

t.test(
  'who has less than both logs have in common is told so, and goes on from there',
  async (t) => {
    const rig = await DeliveryRig.start(t, 60);
    const one = await withRowsAhead(rig);
    const all = rig.subscribe(2, { delivered: 60 });
    await eventually(() => all.state === 'group');
    rig.fallBack(30, 40);
    const told = (): (number | undefined)[] =>
      rig.handed.flatMap(({ gap }) => (gap === undefined ? [] : [gap.delivered]));
    await eventually(() => told().length === 2);
    t.same(told(), [20, 30]);
    t.equal(one.delivered, 20);
  },
);

t.test('who catches up is told when it has what there is now', async (t) => {
  for (const kind of ['tracked', 'untracked'] as const) {
    const rig = await DeliveryRig.start(t, 60);
    const release = rig.holdReads();
    const one = rig.subscribe(1, { tracker: kind === 'tracked' ? rig.tracker() : null });
    one.caughtUpAt = 60;
    const later = rig.subscribe(2, { delivered: 60 });
    rig.fallBack(30, 40);
    release();
    await goOn(rig, one);
    await goOn(rig, later);
    const toldOf = rig.handed.filter(({ op }) => op === 'caught_up');
    t.same(
      toldOf.map(({ subscription }) => subscription),
      [1],
      kind,
    );
  }
});

t.test('what became of messages that were given before says nothing of those after', async (t) => {
  const rig = await DeliveryRig.start(t, 0);
  const tracker = rig.tracker();
  const [one] = [1, 2].map((number) => rig.subscribe(number, { tracker, ack: 'none' }));
  if (one === undefined) throw new Error('there are two');
  for (let n = 0; n < 5; n++) rig.publish();
  t.not(one.giving, null);
  rig.delivery.seek(tracker, 0);
  rig.given(one, Number.POSITIVE_INFINITY);
  const isAnySettled = (): boolean =>
    tracker.cursor.floor > 0 || tracker.cursor.settledRanges.length > 0;
  t.notOk(isAnySettled(), 'none of them is settled by that');
  await eventually(() => one.giving !== null);
  rig.given(one, Number.POSITIVE_INFINITY);
  t.ok(isAnySettled());
});

t.test(
  'a group that all left while a page was read for it is joined once that has come',
  async (t) => {
    const rig = await DeliveryRig.start(t, 30, 1);
    const one = rig.subscribe(1, { delivered: 30 });
    await eventually(() => one.state === 'group');
    const release = rig.holdReads();
    rig.publish();
    await eventually(() => rig.reads === 1);
    const other = rig.subscribe(2, { delivered: 31 });
    t.equal(other.state, 'paging');
    rig.delivery.close(one, 'clean');
    release();
    await eventually(() => other.state === 'group', 5_000);
  },
);

t.test('a refusal of the log before takes nobody past where it fell back to', async (t) => {
  const once: [number, number][] = [[30, 40]];
  const twice: [number, number][] = [...once, [35, 45]];
  const cases = [
    { title: 'past it', fallBacks: once, round: 1, lastSequence: 60, from: 31 },
    { title: 'before it', fallBacks: once, round: 1, lastSequence: 20, from: 21 },
    { title: 'past both', fallBacks: twice, round: 1, lastSequence: 60, from: 31 },
    { title: 'of the log between', fallBacks: twice, round: 2, lastSequence: 40, from: 36 },
    { title: 'of the log that answers', fallBacks: once, round: 2, lastSequence: 35, from: 36 },
  ];
  for (const { title, fallBacks, from, ...left } of cases) {
    const rig = await DeliveryRig.start(t, 60);
    const one = rig.subscribe(1, { delivered: 60 });
    await eventually(() => one.state === 'group');
    for (const [common, head] of fallBacks) {
      rig.fallBack(common, head);
      await goOn(rig, one);
    }
    const before = rig.messagesTo(one).length;
    rig.left(one, left);
    await goOn(rig, one);
    t.same(rig.messagesTo(one).slice(before), rig.messages(from, rig.topic.head), title);
    t.equal(one.round, fallBacks.length + 1, title);
  }
});

t.test('a refusal of what was sent before a seek says nothing of what follows it', async (t) => {
  const cases = [
    { title: 'back, to be given again', seeks: [0], round: 1, from: 1 },
    { title: 'ahead, past what was refused', seeks: [50], round: 1, from: 51 },
    { title: 'twice', seeks: [50, 10], round: 1, from: 11 },
    { title: 'twice, refused between', seeks: [50, 10], round: 2, from: 11 },
  ];
  for (const { title, seeks, round, from } of cases) {
    for (const ack of ['none', 'explicit'] as const) {
      const rig = await DeliveryRig.start(t, 60);
      const tracker = rig.tracker();
      tracker.cursor.seek(40);
      const one = rig.subscribe(1, { tracker, ack, delivered: 40 });
      await eventually(() => one.delivered > 40);
      for (const sequence of seeks) {
        rig.drained(one);
        rig.delivery.seek(tracker, sequence);
        await eventually(() => one.delivered > sequence);
      }
      const before = rig.messagesTo(one).length;
      rig.left(one, { round, lastSequence: 40 });
      await goOn(rig, one);
      const wanted = rig.messages(from, rig.topic.head);
      t.same(rig.messagesTo(one).slice(before), wanted, `${title}, ack ${ack}`);
    }
  }
});
