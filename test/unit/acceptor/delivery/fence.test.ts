// Goal: what a worker handed over of a durable subscription before its node's lease was over is not written
// after it, however long it stood on the link or waited for its group: it is the worker's again, which is
// told. What needs no lease is written.
import t, { type Test } from 'tap';
import { Deliveries } from '../../../../src/acceptor/delivery/deliveries.js';
import {
  type Receiver,
  type ReceiverSubscription,
  TAKEN,
} from '../../../../src/acceptor/delivery/receiver.js';
import {
  KIND_JSON,
  KIND_SINGLE,
  type ReceiverKind,
} from '../../../../src/acceptor/delivery/receiver-kind.js';
import { Guard } from '../../../../src/acceptor/http/guard.js';
import { systemClock } from '../../../../src/core/clock.js';
import { ANYONE } from '../../../../src/core/principal.js';
import { LEASE_MS, Lease } from '../../../../src/thread/lease.js';
import {
  packDeliver,
  packDeliverGroup,
  packJoin,
  readCredit,
  readDrained,
  readLeft,
} from '../../../../src/thread/ops/deliver.js';
import { ENCODING_JSON } from '../../../../src/thread/ops/encoding.js';
import { packFence, UNFENCED } from '../../../../src/thread/ops/fence.js';
import { packGive, readGiven } from '../../../../src/thread/ops/give.js';
import { OP_CREDIT, OP_DRAINED, OP_GIVEN, OP_LEFT } from '../../../../src/thread/ops/opcodes.js';
import { PackReader } from '../../../../src/thread/packing/pack-reader.js';
import { PackWriter } from '../../../../src/thread/packing/pack-writer.js';
import { FRAME_SEPARATOR } from '../../../../src/wire/server-frame.js';
import { openLink } from '../../../support/nodes/acceptor-link.js';
import { NO_QUOTAS } from '../../../support/tenants/no-quotas.js';

const TOPIC_NO = 1;
const DURABLE = 1;
const EPHEMERAL = 2;
const SEPARATOR = String.fromCharCode(FRAME_SEPARATOR);
const of = { topicNo: TOPIC_NO };
const frame = (sequence: number): Buffer =>
  Buffer.from(`{"type":"message","sequence":${sequence},"payload":1}`);

/** A session that takes all, and says what. */
function taker(number: number, kind: ReceiverKind, written: string[]): Receiver {
  const nothing = (): void => undefined;
  return {
    ...{ number, kind, principal: ANYONE, subscriptions: new Map(), links: [], address: '' },
    ...{ client: null, connectedAtMs: 0, bufferBytes: 0, isGone: false, hasRoom: true },
    ...{ isEmpty: true, whenRead: (then) => then(), sendFrame: nothing, refuse: nothing },
    ...{ dry: nothing, resumed: nothing, pardon: nothing, lagging: nothing, dismiss: nothing },
    ...{ topicDeleted: nothing, broken: () => written.push('broken') },
    joinGroup: nothing,
    leaveGroup: () => written.push(`${number} left`),
    sendPage: () => {
      written.push(`${number} page`);
      return TAKEN;
    },
    giveMessages: () => {
      written.push(`${number} given`);
      return Number.POSITIVE_INFINITY;
    },
  };
}

/** A durable and an ephemeral subscription of one topic, on a node whose lease ends when it is told to. */
function rig(t: Test, kind: ReceiverKind = KIND_JSON) {
  let now = 1_000;
  const lease = new Lease(Lease.memory(), () => now);
  lease.renewed(now);
  const { link, close } = openLink();
  t.teardown(close);
  const written: string[] = [];
  const deliveries = new Deliveries({
    sockets: { publish: (_name, bytes) => void written.push(`group ${Buffer.from(bytes)}`) },
    clock: systemClock,
    guard: new Guard((_where, stack) => t.fail(stack)),
    busyShare: () => 0,
    quotas: NO_QUOTAS,
    leaseOf: () => lease,
    onSubscribed: () => undefined,
    onUnsubscribed: () => undefined,
    onGap: () => undefined,
    onLinked: () => undefined,
    onUnlinked: () => undefined,
    onTurnEnd: () => undefined,
  });
  for (const number of [DURABLE, EPHEMERAL]) {
    const receiver = taker(number, kind, written);
    const name = number === DURABLE ? 'one' : null;
    const options = { name, ack: 'explicit', start: { from: 'latest' } } as never;
    const fields = { receiver, number, topic: 'a', options, link, idTag: 1, epoch: 'e' };
    const one: ReceiverSubscription = deliveries.open({ ...fields, lastSequence: 0 }, TOPIC_NO);
    receiver.subscriptions.set('a', one);
  }
  const handle = (pack: (to: PackWriter) => void): void => {
    const writer = new PackWriter();
    pack(writer);
    const reader = new PackReader(writer.take());
    while (!reader.done) t.ok(deliveries.handle(link, reader.u8(), reader));
  };
  const fence = (place = 0, subscription = DURABLE): void =>
    handle((to) => packFence(to, { subscription, ...of, place, lapses: lease.lapses }));
  return {
    ...{ deliveries, handle, written, fence },
    /** Frozen for so long, and woken; the lease may be had again before anything else is done. */
    freeze: (ms: number, then: 'renewed' | 'over') => {
      now += ms;
      if (then === 'renewed') lease.renewed(now);
    },
    /** What the worker is told. */
    told: () => {
      deliveries.endTurn();
      return link.writer.ops === 0 ? [] : read(new PackReader(link.writer.take()));
    },
  };
}

function read(from: PackReader): string[] {
  const told: string[] = [];
  while (!from.done) {
    const op = from.u8();
    if (op === OP_CREDIT) readCredit(from);
    else if (op === OP_LEFT) told.push(`left at ${readLeft(from).lastSequence}`);
    else if (op === OP_GIVEN) told.push(`given ${readGiven(from).taken}`);
    else if (op === OP_DRAINED) told.push(`drained ${readDrained(from).subscription}`);
    else throw new Error(`operation ${op}`);
  }
  return told;
}

const page =
  (subscription: number, round = 0) =>
  (to: PackWriter) =>
    packDeliver(to, {
      ...{ subscription, ...of, round, firstSequence: 6, lastSequence: 6, frames: frame(6) },
    });
const give = (subscription: number) => (to: PackWriter) =>
  packGive(to, { subscription, ...of, messages: 1, frames: frame(6) });
const chunk = (sequence: number) => (to: PackWriter) =>
  packDeliverGroup(to, {
    ...{ topicNo: TOPIC_NO, encoding: ENCODING_JSON, frames: frame(sequence) },
    ...{ firstSequence: sequence, lastSequence: sequence },
  });

for (const then of ['over', 'renewed'] as const) {
  t.test(`what was handed over before a lapse is given back, the lease ${then}`, async (t) => {
    const { handle, written, fence, freeze, told } = rig(t);
    fence();
    freeze(LEASE_MS / 2, then);
    handle(page(DURABLE));
    handle(give(DURABLE));
    t.same(written.splice(0), ['1 page', '1 given'], 'it holds still');
    told();
    freeze(LEASE_MS + 1, then);
    handle(page(DURABLE));
    handle(give(DURABLE));
    t.same(written.splice(0), []);
    t.same(told(), ['left at 5', 'drained 1', 'given 0']);
    handle(page(EPHEMERAL));
    handle(give(EPHEMERAL));
    t.same(written.splice(0), ['2 page', '2 given'], 'of nobody else');
    // The terms were looked at: what comes now is of after the lapse.
    if (then === 'over') freeze(0, 'renewed');
    fence();
    handle(page(DURABLE, 1));
    handle(give(DURABLE));
    t.same(written, ['1 page', '1 given']);
  });
}

t.test('who is behind a fence leaves its group before it is given more', async (t) => {
  const { deliveries, handle, written, fence, freeze, told } = rig(t);
  fence();
  for (const subscription of [DURABLE, EPHEMERAL]) {
    handle((to) => packJoin(to, { subscription, ...of, round: 0 }));
  }
  handle(chunk(1));
  deliveries.flush();
  t.equal(written.splice(0).length, 1);
  freeze(LEASE_MS + 1, 'renewed');
  handle(chunk(2));
  deliveries.flush();
  t.same(written.splice(0), ['1 left', `group ${frame(2)}`], 'the other is given it');
  t.same(told(), ['left at 1', 'drained 1']);
  handle(chunk(3));
  deliveries.flush();
  t.same(written, [`group ${frame(3)}`], 'and has left once');
});

t.test('and between the frames of a page that go out one by one, in several turns', async (t) => {
  const { deliveries, handle, written, fence, freeze, told } = rig(t, KIND_SINGLE);
  fence();
  for (const subscription of [DURABLE, EPHEMERAL]) {
    handle((to) => packJoin(to, { subscription, ...of, round: 0 }));
  }
  const sequences = Array.from({ length: 40 }, (_, n) => n + 1);
  const frames = Buffer.from(sequences.map((n) => `${frame(n)}`).join(SEPARATOR));
  handle((to) =>
    packDeliverGroup(to, {
      ...{ topicNo: TOPIC_NO, encoding: ENCODING_JSON, frames },
      ...{ firstSequence: 1, lastSequence: 40 },
    }),
  );
  const before = written.splice(0).length;
  t.ok(before > 0 && before < 40, 'the rest waits for the next turn');
  freeze(LEASE_MS + 1, 'renewed');
  deliveries.flush();
  t.equal(written[0], '1 left');
  t.equal(written.length, 1 + 40 - before, 'the other is given the rest');
  t.same(told(), [`left at ${before}`, 'drained 1']);
});

t.test('what another node coordinates is written whenever it comes', async (t) => {
  const { handle, written, fence, freeze } = rig(t);
  fence();
  freeze(LEASE_MS + 1, 'over');
  fence(UNFENCED);
  handle(give(DURABLE));
  t.same(written, ['1 given']);
});

t.test('the next worker says anew whose it is', async (t) => {
  const { deliveries, fence } = rig(t);
  fence();
  const one = deliveries.byNumber(DURABLE);
  if (one === undefined) throw new Error('it is there');
  deliveries.orphan(one);
  t.equal(one.fence, null);
});
