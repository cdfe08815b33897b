// Goal: the judge of the delivery tests finds every kind of fault, names it once, and takes nothing
// that the guarantees allow for a fault.
import t from 'tap';
import { type FaultKind, judgeDeliveries } from '../../support/delivery/delivery-checker.js';
import type {
  DeadLetterRow,
  DeliveryEvent,
  DeliveryHistory,
  DurableEnd,
  LoggedMessage,
} from '../../support/delivery/delivery-history.js';

const TOPIC = 'orders';
const MAX_DELIVER = 5;
const LONG_MS = 10_000;

function message(sequence: number): LoggedMessage {
  return { topic: TOPIC, sequence, messageId: `id-${sequence}`, mark: `mark-${sequence}` };
}

/** Writes a history as its publishers and subscribers would see it, 10 ms between events. */
class Story {
  readonly events: DeliveryEvent[] = [];
  readonly log: LoggedMessage[] = [];
  readonly deadLetters: DeadLetterRow[] = [];
  readonly durables: DurableEnd[] = [];
  #at = 0;
  #refs = 0;

  later(ms: number): void {
    this.#at += ms;
  }

  publish(count: number): void {
    for (let n = 0; n < count; n++) {
      const row = message(this.log.length + 1);
      this.log.push(row);
      this.events.push({ type: 'published', ...row });
    }
  }

  durable(name: string, sessions: 'one' | 'group', ackFloor: number): void {
    this.durables.push({ topic: TOPIC, name, sessions, startedAfter: 0, ackFloor });
  }

  open(connection: number, subscription: string | null, position = 0): void {
    const at = this.#tick();
    this.events.push({ type: 'opened', at, connection, subscription, topics: [TOPIC] });
    this.events.push({ type: 'subscribed', at, connection, topic: TOPIC, position });
  }

  deliver(connection: number, sequence: number, attempt = 1): void {
    const at = this.#tick();
    this.events.push({ type: 'delivered', at, connection, ...message(sequence), attempt });
  }

  say(
    connection: number,
    sequence: number,
    verdict: 'ack' | 'nack' | 'reject' = 'ack',
    options: { confirmed?: boolean; cumulative?: boolean } = {},
  ): void {
    const { confirmed = true, cumulative = false } = options;
    const ref = `r${++this.#refs}`;
    const at = this.#tick();
    const said = { verdict, topic: TOPIC, sequence, cumulative, ref };
    this.events.push({ type: 'said', at, connection, ...said });
    if (confirmed) this.events.push({ type: 'confirmed', at: this.#tick(), connection, ref });
  }

  handle(connection: number, sequence: number): void {
    this.deliver(connection, sequence);
    this.say(connection, sequence);
  }

  unreached(connection: number): void {
    this.events.push({ type: 'unreached', at: this.#tick(), connection });
  }

  end(connection: number, clean: boolean): void {
    this.events.push({ type: 'ending', at: this.#tick(), connection });
    this.events.push({ type: 'ended', at: this.#tick(), connection, clean });
  }

  bury(sequence: number, subscription: string | null, reason = 'max_deliver', attempts = 5): void {
    const id = this.deadLetters.length + 1;
    this.deadLetters.push({ id, topic: TOPIC, subscription, sequence, reason, attempts });
  }

  #tick(): number {
    this.#at += 10;
    return this.#at;
  }

  history(): DeliveryHistory {
    const { events, log, deadLetters, durables } = this;
    return { events, log, deadLetters, durables, maxDeliver: MAX_DELIVER };
  }
}

/** One durable session that has handled messages 1 to `count`. */
function audit(count: number, handled = count, floor = count): Story {
  const story = new Story();
  story.publish(count);
  story.durable('audit', 'one', floor);
  story.open(1, 'audit');
  for (let sequence = 1; sequence <= handled; sequence++) story.handle(1, sequence);
  return story;
}

function kinds(story: Story): FaultKind[] {
  return judgeDeliveries(story.history()).map(({ kind }) => kind);
}

t.test('what the guarantees allow is no fault', async (t) => {
  t.same(judgeDeliveries(audit(5).history()), []);

  const story = new Story();
  story.publish(8);
  story.durable('workers', 'group', 8);
  story.open(1, 'workers');
  story.open(2, 'workers');
  story.open(3, null);
  for (let sequence = 1; sequence <= 8; sequence++) story.deliver(3, sequence);
  story.deliver(3, 2, 2);
  story.handle(1, 1);
  story.deliver(2, 2);
  story.say(2, 2, 'nack');
  story.handle(2, 3);
  // Its ack was lost in a crash, then it was given up.
  story.deliver(1, 4);
  story.say(1, 4, 'ack', { confirmed: false });
  for (let attempt = 2; attempt <= MAX_DELIVER; attempt++) story.deliver(2, 4, attempt);
  story.bury(4, 'workers');
  story.handle(1, 6);
  story.deliver(1, 7);
  story.deliver(1, 8);
  // Session 2 goes without having been sent 5.
  story.end(2, true);
  story.deliver(1, 5);
  story.deliver(1, 2, 2);
  story.say(1, 5);
  story.say(1, 7, 'ack', { cumulative: true });
  story.say(1, 8, 'reject');
  story.bury(8, 'workers', 'rejected', 1);
  t.same(judgeDeliveries(story.history()), []);
});

t.test('what a session that died had not read may come later, as a redelivery', async (t) => {
  const story = audit(6, 2);
  story.end(1, false);
  story.later(LONG_MS);
  story.open(2, 'audit');
  story.handle(2, 5);
  story.handle(2, 6);
  for (const sequence of [3, 4]) {
    story.deliver(2, sequence, 2);
    story.say(2, sequence);
  }
  t.same(judgeDeliveries(story.history()), []);
});

t.test('an acknowledged publish that the log has not, or elsewhere, is lost', async (t) => {
  const gone = audit(3);
  gone.events.push({ type: 'published', ...message(4) });
  t.same(kinds(gone), ['lost']);
  const moved = audit(3);
  moved.events.push({ type: 'published', ...message(2), mark: 'mark-9' });
  t.same(kinds(moved), ['lost']);
});

t.test('a message that the log has twice is a duplicate', async (t) => {
  const story = audit(3, 3, 4);
  story.log.push({ ...message(2), sequence: 4, messageId: 'id-4' });
  story.events.push({ ...delivered(4), mark: 'mark-2' });
  story.say(1, 4);
  t.same(kinds(story), ['duplicate']);
});

t.test('a message that a durable subscription was never given is lost', async (t) => {
  const story = audit(4, 2);
  story.handle(1, 4);
  const [fault, ...more] = judgeDeliveries(story.history());
  t.same(more, []);
  t.same(fault, { kind: 'lost', text: 'orders/3 in audit: neither delivered nor dead-lettered' });
});

t.test('an ephemeral session that skips a message, or misses the last one', async (t) => {
  const skips = audit(4);
  skips.open(2, null, 1);
  for (const sequence of [2, 4]) skips.deliver(2, sequence);
  t.same(kinds(skips), ['gap']);
  const misses = audit(4);
  misses.open(2, null, 1);
  for (const sequence of [2, 3]) misses.deliver(2, sequence);
  t.same(kinds(misses), ['lost']);
  misses.end(2, true);
  t.same(kinds(misses), [], 'when it is gone, it need not have had everything');
});

t.test('a delivery of what the log has not, or otherwise, is a phantom', async (t) => {
  const unknown = audit(3);
  unknown.deliver(1, 4);
  t.same(kinds(unknown), ['phantom']);
  for (const other of [{ mark: 'mark-9' }, { messageId: 'id-9' }]) {
    const changed = audit(3, 2);
    changed.events.push({ ...delivered(3), ...other });
    changed.handle(1, 3);
    t.same(kinds(changed), ['phantom']);
  }
});

t.test('first deliveries in another order are found in each kind of subscription', async (t) => {
  const one = audit(4, 1);
  for (const sequence of [3, 2, 4]) one.handle(1, sequence);
  t.same(kinds(one), ['order']);
  const group = new Story();
  group.publish(4);
  group.durable('workers', 'group', 4);
  group.open(1, 'workers');
  group.open(2, 'workers');
  group.handle(1, 1);
  group.handle(2, 4);
  group.handle(1, 3);
  t.same(kinds(group), ['lost']);
  group.handle(1, 2);
  t.same(kinds(group), ['order']);
  const ephemeral = audit(3);
  ephemeral.open(2, null);
  for (const sequence of [1, 2, 3, 2]) ephemeral.deliver(2, sequence);
  t.same(kinds(ephemeral), ['order']);
});

t.test('a session that ended long before explains no other order', async (t) => {
  const story = audit(4, 1);
  story.end(1, true);
  story.later(LONG_MS);
  story.open(2, 'audit');
  for (const sequence of [3, 2, 4]) story.handle(2, sequence);
  t.same(kinds(story), ['order']);
});

t.test('a message that comes only as a redelivery left a gap', async (t) => {
  const story = audit(4, 1);
  story.handle(1, 3);
  story.handle(1, 4);
  story.deliver(1, 2, 2);
  story.say(1, 2);
  t.same(kinds(story), ['gap']);
});

t.test('a delivery after the confirmed ack is found, on whichever session', async (t) => {
  const same = audit(3);
  same.deliver(1, 2, 2);
  t.same(kinds(same), ['redelivered']);
  const next = audit(3);
  next.end(1, false);
  next.later(LONG_MS);
  next.open(2, 'audit');
  next.deliver(2, 3, 1);
  t.same(kinds(next), ['redelivered']);
  // What stood between two nodes may have kept it since before the ack, and no longer than it stood.
  const kept = audit(3);
  kept.open(2, 'audit');
  kept.unreached(2);
  kept.later(LONG_MS);
  kept.deliver(2, 3, 2);
  kept.unreached(2);
  t.same(kinds(kept), []);
  kept.later(LONG_MS);
  kept.deliver(2, 2, 2);
  t.same(kinds(kept), ['redelivered']);
  const ownAck = audit(3);
  ownAck.unreached(1);
  ownAck.deliver(1, 2, 2);
  t.same(kinds(ownAck), ['redelivered']);
  const cumulative = audit(3, 0);
  for (const sequence of [1, 2, 3]) cumulative.deliver(1, sequence);
  cumulative.say(1, 3, 'ack', { cumulative: true });
  cumulative.deliver(1, 1, 2);
  t.same(kinds(cumulative), ['redelivered']);
  // What came again behind the message that it names may have crossed it.
  const crossed = audit(3, 0);
  for (const sequence of [1, 2, 3]) crossed.deliver(1, sequence);
  crossed.deliver(1, 1, 2);
  crossed.say(1, 3, 'ack', { cumulative: true });
  crossed.deliver(1, 1, 3);
  t.same(kinds(crossed), []);
  crossed.deliver(1, 2, 2);
  t.same(kinds(crossed), ['redelivered']);
});

t.test('a dead letter that is there twice, acknowledged or not in the log is found', async (t) => {
  const twice = audit(3, 2);
  twice.deliver(1, 3);
  twice.bury(3, 'audit');
  t.same(kinds(twice), []);
  twice.bury(3, 'audit');
  t.same(kinds(twice), ['dead-lettered twice']);
  const acked = audit(3);
  acked.bury(3, 'audit');
  t.same(kinds(acked), ['acked and dead-lettered']);
  const unknown = audit(3);
  unknown.bury(4, 'audit');
  t.same(kinds(unknown), ['phantom']);
  const unasked = audit(3, 2);
  unasked.bury(3, 'audit', 'rejected', 1);
  t.same(kinds(unasked), ['phantom']);
});

t.test('attempts are at most max_deliver, and not given up before', async (t) => {
  const delivered = audit(3, 2);
  delivered.deliver(1, 3);
  delivered.deliver(1, 3, MAX_DELIVER + 1);
  delivered.say(1, 3);
  t.same(kinds(delivered), ['attempts']);
  for (const attempts of [MAX_DELIVER - 1, MAX_DELIVER + 1]) {
    const buried = audit(3, 2);
    buried.bury(3, 'audit', 'max_deliver', attempts);
    t.same(kinds(buried), ['attempts']);
  }
});

t.test('what ends neither acknowledged nor dead-lettered is found', async (t) => {
  const unfinished = audit(3, 2, 2);
  unfinished.deliver(1, 3);
  t.same(kinds(unfinished), ['unfinished']);
  const passed = audit(3, 2);
  passed.deliver(1, 3);
  passed.say(1, 3, 'nack');
  t.same(kinds(passed), ['passed']);
  const undone = audit(3, 2);
  undone.deliver(1, 3);
  undone.say(1, 3, 'reject');
  undone.say(1, 3, 'ack', { confirmed: false });
  t.same(kinds(undone), ['reject undone']);
});

/** First delivery of a message to session 1, before everything the story tells next. */
function delivered(sequence: number): Extract<DeliveryEvent, { type: 'delivered' }> {
  return { type: 'delivered', at: 0, connection: 1, ...message(sequence), attempt: 1 };
}
