// Goal: what fails while one receiver is served ends that receiver; the others get theirs, and what
// concerns nobody in particular is thrown on.

import uWS from 'uWebSockets.js';
import t from 'tap';
import { Deliveries } from '../../../../src/acceptor/delivery/deliveries.js';
import {
  type Receiver,
  type ReceiverSubscription,
  TAKEN,
} from '../../../../src/acceptor/delivery/receiver.js';
import { KIND_SSE } from '../../../../src/acceptor/delivery/receiver-kind.js';
import { Guard } from '../../../../src/acceptor/http/guard.js';
import { systemClock } from '../../../../src/core/clock.js';
import { ANYONE } from '../../../../src/core/principal.js';
import { Lease } from '../../../../src/thread/lease.js';
import { packDeliver, packJoin } from '../../../../src/thread/ops/deliver.js';
import { packGive, packProbe, readProbed } from '../../../../src/thread/ops/give.js';
import { OP_PROBED } from '../../../../src/thread/ops/opcodes.js';
import { packSought } from '../../../../src/thread/ops/sought.js';
import { packCaughtUp, packSubscribed } from '../../../../src/thread/ops/subscribe.js';
import { PackReader } from '../../../../src/thread/packing/pack-reader.js';
import { PackWriter } from '../../../../src/thread/packing/pack-writer.js';
import { publisherOf } from '../../../support/clients/socket-publisher.js';
import { openLink } from '../../../support/nodes/acceptor-link.js';
import { NO_QUOTAS } from '../../../support/tenants/no-quotas.js';

const { link, close } = openLink();
t.teardown(close);
const TOPIC_NO = 1;
const FRAME = Buffer.from('{"type":"message","sequence":1}');

/** Takes what it is given, or fails at it. */
class Taker implements Receiver {
  readonly number: number;
  readonly kind = KIND_SSE;
  readonly principal = ANYONE;
  readonly subscriptions = new Map<string, ReceiverSubscription>();
  readonly links = [];
  readonly isGone = false;
  readonly hasRoom = true;
  readonly isEmpty = true;
  readonly address = '';
  readonly client = null;
  readonly connectedAtMs = 0;
  readonly bufferBytes = 0;
  readonly done: string[] = [];
  readonly fails: string;

  constructor(number: number, fails = '') {
    this.number = number;
    this.fails = fails;
  }

  /** What waits for what it has sent to be read; null: nothing of it does. */
  unread: (() => void)[] | null = null;

  whenRead(then: () => void): void {
    if (this.unread === null) then();
    else this.unread.push(then);
  }

  #do(what: string): void {
    if (what === this.fails) throw new Error(`${what} fails`);
    this.done.push(what);
  }

  dismiss(): void {
    this.#do('dismiss');
  }

  joinGroup(): void {
    this.#do('join');
  }

  leaveGroup(): void {
    this.#do('leave');
  }

  sendPage(): number {
    this.#do('page');
    return TAKEN;
  }

  giveMessages(): number {
    this.#do('give');
    return Number.POSITIVE_INFINITY;
  }

  dry(): void {
    this.#do('dry');
  }

  resumed(): void {
    this.#do('resumed');
  }

  sendFrame(): void {
    this.#do('frame');
  }

  refuse(): void {
    this.#do('refuse');
  }

  pardon(): void {
    this.#do('pardon');
  }

  lagging(): void {
    this.#do('lag');
  }

  topicDeleted(): void {
    this.#do('deleted');
  }

  broken(): void {
    this.done.push('broken');
  }
}

type Pack = (to: PackWriter, subscription: number) => void;

const PACKS: Readonly<Record<string, Pack>> = {
  page: (to, subscription) =>
    packDeliver(to, {
      ...{ subscription, topicNo: TOPIC_NO, round: 0, firstSequence: 1, lastSequence: 1 },
      frames: FRAME,
    }),
  give: (to, subscription) =>
    packGive(to, { subscription, topicNo: TOPIC_NO, messages: 1, frames: FRAME }),
  join: (to, subscription) => packJoin(to, { subscription, topicNo: TOPIC_NO, round: 0 }),
  frame: (to, subscription) => packCaughtUp(to, { subscription, topicNo: TOPIC_NO, sequence: 1 }),
};

function rig(receivers: readonly Taker[]) {
  const faults: string[] = [];
  const guard = new Guard((_where, stack) => faults.push(stack.split('\n')[0] ?? ''));
  const deliveries = new Deliveries({
    ...{
      sockets: publisherOf(uWS.App().ws('/ws', {})),
      clock: systemClock,
      guard,
      busyShare: () => 0,
      quotas: NO_QUOTAS,
    },
    onSubscribed: () => {
      throw new Error('nobody in particular');
    },
    onUnsubscribed: () => undefined,
    onGap: () => undefined,
    onLinked: () => undefined,
    onUnlinked: () => undefined,
    leaseOf: () => new Lease(Lease.memory()),
    onTurnEnd: () => undefined,
  });
  for (const receiver of receivers) {
    const { number } = receiver;
    const options = { name: null, ack: 'none', start: { from: 'latest' } } as never;
    const fields = { receiver, number, topic: 'a', options, link, idTag: 1, epoch: 'e' };
    deliveries.open({ ...fields, lastSequence: 0 }, TOPIC_NO);
  }
  const handle = (pack: (to: PackWriter) => void): boolean => {
    const writer = new PackWriter();
    pack(writer);
    const reader = new PackReader(writer.take());
    return deliveries.handle(link, reader.u8(), reader);
  };
  return { faults, handle, deliveries };
}

for (const [what, pack] of Object.entries(PACKS)) {
  t.test(`a ${what} that fails`, async (t) => {
    const receivers = [new Taker(1), new Taker(2, what), new Taker(3)];
    const { faults, handle } = rig(receivers);
    for (const { number } of receivers)
      t.equal(
        handle((to) => pack(to, number)),
        true,
      );
    t.same(
      receivers.map(({ done }) => done),
      [[what], ['broken'], [what]],
    );
    t.same(faults, [`Error: ${what} fails`]);
  });
}

t.test('what is for nobody in particular is thrown on', async (t) => {
  const { faults, handle } = rig([new Taker(1)]);
  const subscribed: Pack = (to, subscription) =>
    packSubscribed(to, {
      ...{ request: 1, subscription, topicNo: TOPIC_NO, idTag: 1, sequence: 1, epoch: 'e' },
      ...{ recovered: null, gap: null, delivered: 1 },
    });
  t.throws(() => handle((to) => subscribed(to, 1)), { message: 'nobody in particular' });
  t.same(faults, []);
});

/** What the worker is told by then, once. */
function told(): PackReader | null {
  return link.writer.ops === 0 ? null : new PackReader(link.writer.take());
}

t.test('a probe is answered behind what its session had sent by then', async (t) => {
  told();
  for (const unread of [null, []]) {
    const taker = new Taker(1);
    const { handle } = rig([taker]);
    taker.unread = unread;
    handle((to) => packProbe(to, { subscription: 1, topicNo: TOPIC_NO }));
    if (unread !== null) {
      t.equal(told(), null, 'not before it is read');
      for (const then of unread as (() => void)[]) then();
    }
    const reader = told();
    t.equal(reader?.u8(), OP_PROBED);
    if (reader !== null) t.match(readProbed(reader), { subscription: 1, wasEmpty: true });
  }
});

t.test('a subscription that has ended by then answers no probe', async (t) => {
  told();
  const taker = new Taker(1);
  const { handle, deliveries } = rig([taker]);
  const unread: (() => void)[] = [];
  taker.unread = unread;
  handle((to) => packProbe(to, { subscription: 1, topicNo: TOPIC_NO }));
  const subscription = deliveries.byNumber(1);
  if (subscription !== undefined) deliveries.orphan(subscription);
  for (const then of unread) then();
  t.equal(told(), null);
});

t.test('a seek starts a round: pages of before it are discarded', async (t) => {
  const taker = new Taker(1);
  const { handle, deliveries } = rig([taker]);
  handle((to) => packSought(to, { subscription: 1, topicNo: TOPIC_NO, sequence: 40 }));
  t.match(deliveries.byNumber(1), { round: 1, lastSequence: 40 });
  handle((to) => PACKS['page']?.(to, 1));
  t.same(taker.done, [], 'one of the round before');
});

t.test('where a worker that dies after a seek is to go on', async (t) => {
  const cases = [
    { state: 'paging', from: 60, sequence: 40, after: 40 },
    { state: 'paging', from: 60, sequence: 80, after: 80 },
    { state: 'refused', from: 60, sequence: 40, after: 40 },
    // Its store knows; and no refusal of before takes it back.
    { state: 'refused', from: 60, sequence: 80, after: 0 },
  ] as const;
  for (const { state, from, sequence, after } of cases) {
    const { handle, deliveries } = rig([new Taker(1)]);
    const subscription = deliveries.byNumber(1);
    if (subscription === undefined) throw new Error('it is there');
    subscription.state = state;
    subscription.lastSequence = from;
    handle((to) => packSought(to, { subscription: 1, topicNo: TOPIC_NO, sequence }));
    t.equal(subscription.lastSequence, after, `${state}, ${from} to ${sequence}`);
  }
});
