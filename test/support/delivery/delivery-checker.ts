/**
 * Judges a history of deliveries: nothing is lost, nothing is made up, first deliveries come in
 * order, and every message of a durable subscription ends acknowledged or dead-lettered, once. Only
 * an ack that the server confirmed binds it: a crash may undo another one. Pure.
 */
import type {
  DeadLetterRow,
  Delivered,
  DeliveryEvent,
  DeliveryHistory,
  DurableEnd,
  LoggedMessage,
  Opened,
  Said,
} from './delivery-history.js';

export type FaultKind =
  /** Acknowledged and not in the log; or in the log and never given to a subscription. */
  | 'lost'
  /** Delivered, dead-lettered or logged though nobody sent it like that. */
  | 'phantom'
  /** In the log twice. */
  | 'duplicate'
  /** A first delivery after that of a later message. */
  | 'order'
  /** A first delivery before that of an earlier message. */
  | 'gap'
  /** Delivered after its ack was confirmed. */
  | 'redelivered'
  | 'dead-lettered twice'
  | 'acked and dead-lettered'
  /** Too many attempts, or given up before the last one. */
  | 'attempts'
  /** A confirmed reject without a dead letter. */
  | 'reject undone'
  /** The cursor passed what nobody acknowledged. */
  | 'passed'
  /** At the end neither acknowledged nor dead-lettered. */
  | 'unfinished';

export interface Fault {
  kind: FaultKind;
  text: string;
}

/**
 * Frames of two sockets are read in no certain order, and a server learns of a session's end when
 * it does: what such an end explains may be seen this much before or after it, ms.
 */
const END_SEEN_WITHIN_MS = 1_000;
/** The same for a delivery on one socket and the confirmed ack on another. */
const CONFIRMED_SEEN_WITHIN_MS = 100;

interface Connection {
  opened: Opened;
  /** By topic. */
  feeds: Map<string, Feed>;
  /** By ref. */
  said: Map<string, Said>;
  /** Infinity: open at the end of the history. */
  endingAt: number;
  endedAt: number;
  /** Last time it was out of reach of who sends to it. */
  unreached: { from: number; to: number } | null;
  clean: boolean;
}

/** What one session got of one topic. */
interface Feed {
  connection: Connection;
  /** Of ephemeral ones: the next first delivery; null before `subscribed`. */
  next: number | null;
  /** Everything that came, with the event's place in the history. */
  got: Map<number, Delivered>;
  /** When each came last. */
  lastAt: Map<number, number>;
  /** First deliveries of messages that the subscription had not been given before. */
  firsts: Delivered[];
}

/** A durable subscription over its whole life. */
interface Life {
  end: DurableEnd;
  connections: Connection[];
  /** Each message's first delivery. */
  seen: Map<number, Delivered>;
  /** Highest sequence of `firsts`, and the feed that got the last of them. */
  high: number;
  lastFeed: Feed | null;
  /** Skipped by a first delivery that nothing explains. */
  skipped: Map<number, string>;
  acked: Set<number>;
  confirmed: Map<number, { at: number; connection: number; isExact: boolean }>;
  rejected: Set<number>;
  rejectConfirmed: Set<number>;
}

/** No fault: an empty list. */
export function judgeDeliveries(history: DeliveryHistory): Fault[] {
  return new Judge(history).judge();
}

class Judge {
  readonly #history: DeliveryHistory;
  readonly #faults: Fault[] = [];
  readonly #log = new Map<string, LoggedMessage>();
  readonly #heads = new Map<string, number>();
  readonly #connections = new Map<number, Connection>();
  readonly #lives = new Map<string, Life>();

  constructor(history: DeliveryHistory) {
    this.#history = history;
  }

  judge(): Fault[] {
    const { events, durables } = this.#history;
    this.#readLog();
    for (const end of durables) this.#lives.set(`${end.topic} ${end.name}`, newLife(end));
    for (const event of events) this.#meet(event);
    for (const event of events) this.#walk(event);
    this.#judgeDeadLetters();
    for (const life of this.#lives.values()) this.#judgeEnd(life);
    for (const connection of this.#connections.values()) this.#judgeEphemeralEnd(connection);
    return this.#faults;
  }

  #fault(kind: FaultKind, text: string): void {
    this.#faults.push({ kind, text });
  }

  #readLog(): void {
    const marks = new Map<string, LoggedMessage>();
    for (const row of this.#history.log) {
      const { topic, sequence, mark } = row;
      const twin = this.#log.get(place(row)) ?? marks.get(mark);
      if (twin !== undefined) {
        this.#fault('duplicate', `${mark} is in the log at ${place(twin)} and ${place(row)}`);
      }
      this.#log.set(place(row), row);
      marks.set(mark, row);
      this.#heads.set(topic, Math.max(this.#heads.get(topic) ?? 0, sequence));
    }
  }

  /** The sessions, before anything is judged: an end explains what came before it was seen. */
  #meet(event: DeliveryEvent): void {
    if (event.type === 'opened') {
      const connection = {
        opened: event,
        feeds: new Map<string, Feed>(),
        said: new Map<string, Said>(),
        endingAt: Number.POSITIVE_INFINITY,
        endedAt: Number.POSITIVE_INFINITY,
        unreached: null,
        clean: false,
      };
      this.#connections.set(event.connection, connection);
      for (const topic of event.topics) {
        connection.feeds.set(topic, newFeed(connection));
        this.#life(topic, connection)?.connections.push(connection);
      }
      return;
    }
    if (event.type !== 'ending' && event.type !== 'ended' && event.type !== 'unreached') return;
    const connection = this.#connections.get(event.connection);
    if (connection === undefined) return;
    if (event.type === 'unreached') {
      connection.unreached = { from: connection.unreached?.from ?? event.at, to: event.at };
      return;
    }
    connection.endingAt = Math.min(connection.endingAt, event.at);
    if (event.type === 'ending') return;
    connection.endedAt = event.at;
    connection.clean = event.clean;
  }

  #walk(event: DeliveryEvent): void {
    if (event.type === 'published') {
      this.#published(event);
      return;
    }
    const connection = this.#connections.get(event.connection);
    if (connection === undefined) return;
    if (event.type === 'subscribed') {
      const feed = connection.feeds.get(event.topic);
      if (feed !== undefined) feed.next = event.position + 1;
    } else if (event.type === 'delivered') {
      this.#delivered(event, connection);
    } else if (event.type === 'said') {
      this.#said(event, connection);
    } else if (event.type === 'confirmed') {
      this.#confirmed(event, connection);
    }
  }

  #published(event: LoggedMessage): void {
    const row = this.#log.get(place(event));
    if (row?.messageId === event.messageId && row.mark === event.mark) return;
    const found = row === undefined ? 'nothing' : `${row.mark} ${row.messageId}`;
    const asked = `${event.mark} ${event.messageId} was acknowledged at ${place(event)}`;
    this.#fault('lost', `${asked}, where the log has ${found}`);
  }

  #delivered(event: Delivered, connection: Connection): void {
    const text = tell(event, connection);
    const row = this.#log.get(place(event));
    if (row?.messageId !== event.messageId || row.mark !== event.mark) {
      const found = row === undefined ? 'nothing' : `${row.mark} ${row.messageId}`;
      this.#fault('phantom', `${text}: ${event.mark} ${event.messageId}; the log has ${found}`);
      return;
    }
    const { maxDeliver } = this.#history;
    if (event.attempt > maxDeliver || event.attempt < 1) {
      this.#fault('attempts', `${text}; at most ${maxDeliver}`);
    }
    const feed = connection.feeds.get(event.topic);
    if (feed === undefined) {
      this.#fault('phantom', `${text}: it does not subscribe there`);
      return;
    }
    const life = this.#life(event.topic, connection);
    if (life === undefined) this.#ephemeral(event, feed, text);
    else this.#durable(event, feed, life, text);
    if (!feed.got.has(event.sequence)) feed.got.set(event.sequence, event);
    feed.lastAt.set(event.sequence, event.at);
  }

  #ephemeral(event: Delivered, feed: Feed, text: string): void {
    const { sequence, attempt } = event;
    if (attempt > 1) {
      if (!feed.got.has(sequence)) this.#fault('order', `${text}, and never as a first delivery`);
      return;
    }
    if (feed.next === null) this.#fault('order', `${text}, before subscribed`);
    else if (sequence < feed.next) this.#fault('order', `${text}, when ${feed.next} was next`);
    else if (sequence > feed.next) this.#fault('gap', `${text}, when ${feed.next} was next`);
    feed.next = Math.max(feed.next ?? 0, sequence + 1);
  }

  #durable(event: Delivered, feed: Feed, life: Life, text: string): void {
    const { sequence, attempt, at } = event;
    const confirmed = life.confirmed.get(sequence);
    if (confirmed !== undefined) {
      const isSame = confirmed.connection === event.connection;
      const isLate = at > confirmed.at + CONFIRMED_SEEN_WITHIN_MS;
      // Sent before the ack, and kept on its way by what stood between the nodes.
      const isKept = [confirmed.at, at].every((when) => wasAway(feed.connection, when, when));
      if (isSame || (isLate && !isKept)) {
        const when = `connection ${confirmed.connection} at ${Math.round(confirmed.at)} ms`;
        this.#fault('redelivered', `${text}, after its ack was confirmed to ${when}`);
      }
    }
    if (life.seen.has(sequence)) return;
    life.seen.set(sequence, event);
    if (attempt !== 1) return;
    this.#inOrder(event, feed, life, text);
    feed.firsts.push(event);
    life.lastFeed = feed;
    life.high = Math.max(life.high, sequence);
  }

  /** First deliveries ascend in every session; with one session at a time they have no gap. */
  #inOrder(event: Delivered, feed: Feed, life: Life, text: string): void {
    const { sequence, at } = event;
    const later = feed.firsts.find((first) => first.sequence > sequence);
    if (later !== undefined) {
      life.skipped.delete(sequence);
      if (givenBack(life, feed, later.at, at)) return;
      this.#fault('order', `${text}, after the first delivery of ${later.sequence}`);
    }
    if (life.end.sessions === 'group' || sequence <= life.high + 1) return;
    // What an earlier session was sent and never read is redelivered, when its time has come.
    const isStart = feed.firsts.length === 0;
    const from = isStart ? (life.lastFeed?.firsts.at(-1)?.at ?? 0) : at;
    if (lostUnread(life, feed, from, at)) return;
    for (let skipped = life.high + 1; skipped < sequence; skipped++) {
      if (!life.seen.has(skipped)) life.skipped.set(skipped, text);
    }
  }

  #said(event: Said, connection: Connection): void {
    connection.said.set(event.ref, event);
    const life = this.#life(event.topic, connection);
    if (life === undefined || event.verdict === 'nack') return;
    const into = event.verdict === 'ack' ? life.acked : life.rejected;
    for (const sequence of meant(event, connection)) into.add(sequence);
  }

  #confirmed(event: { at: number; ref: string }, connection: Connection): void {
    const said = connection.said.get(event.ref);
    if (said === undefined) return;
    const life = this.#life(said.topic, connection);
    if (life === undefined || said.verdict === 'nack') return;
    if (said.verdict === 'reject') {
      life.rejectConfirmed.add(said.sequence);
      return;
    }
    const isExact = !said.cumulative;
    for (const sequence of bound(said, connection)) {
      const known = life.confirmed.get(sequence);
      if (known !== undefined && (known.isExact || !isExact)) continue;
      const at = known?.at ?? event.at;
      const by = known?.connection ?? said.connection;
      life.confirmed.set(sequence, { at, connection: by, isExact });
    }
  }

  #judgeDeadLetters(): void {
    const { deadLetters, maxDeliver } = this.#history;
    const known = new Map<string, DeadLetterRow>();
    for (const row of deadLetters) {
      const { id, topic, subscription, sequence, attempts, reason } = row;
      const text = `dead letter ${id} of ${place(row)} in ${subscription ?? 'a session'}`;
      if (!this.#log.has(place(row))) this.#fault('phantom', `${text}: it is not in the log`);
      if (attempts > maxDeliver || attempts < 1) {
        this.#fault('attempts', `${text}: ${attempts} of ${maxDeliver}`);
      } else if (reason === 'max_deliver' && attempts < maxDeliver) {
        this.#fault('attempts', `${text}: given up after ${attempts} of ${maxDeliver}`);
      }
      if (subscription === null) continue;
      const key = `${place(row)} ${subscription}`;
      const twin = known.get(key);
      if (twin !== undefined) this.#fault('dead-lettered twice', `${text}, and as ${twin.id}`);
      known.set(key, row);
      const life = this.#lives.get(`${topic} ${subscription}`);
      if (life === undefined) {
        this.#fault('phantom', `${text}: there is no such subscription`);
      } else if (reason === 'rejected' && !life.rejected.has(sequence)) {
        this.#fault('phantom', `${text}: nobody rejected it`);
      }
    }
  }

  #judgeEnd(life: Life): void {
    const { topic, name, startedAfter, ackFloor } = life.end;
    const dead = new Set(
      this.#history.deadLetters
        .filter((row) => row.topic === topic && row.subscription === name)
        .map(({ sequence }) => sequence),
    );
    for (const row of this.#history.log) {
      const { sequence } = row;
      if (row.topic !== topic || sequence <= startedAfter) continue;
      const text = `${place(row)} in ${name}`;
      if (dead.has(sequence)) {
        if (life.confirmed.get(sequence)?.isExact === true) {
          this.#fault('acked and dead-lettered', `${text}: its ack was confirmed`);
        }
        continue;
      }
      if (life.rejectConfirmed.has(sequence)) {
        this.#fault('reject undone', `${text}: its reject was confirmed, it is no dead letter`);
      }
      const seen = life.seen.get(sequence);
      if (seen === undefined) {
        this.#fault('lost', `${text}: neither delivered nor dead-lettered`);
      } else if (sequence > ackFloor) {
        const told = life.confirmed.has(sequence) ? ', though its ack was confirmed' : '';
        this.#fault('unfinished', `${text}: above the floor ${ackFloor}${told}`);
      } else if (!life.acked.has(sequence)) {
        this.#fault('passed', `${text}: below the floor ${ackFloor}, and nobody acknowledged it`);
      }
    }
    for (const [sequence, text] of life.skipped) {
      if (life.seen.has(sequence)) this.#fault('gap', `${text}, before ${sequence}`);
    }
  }

  /** An ephemeral session that lives has been given everything. */
  #judgeEphemeralEnd(connection: Connection): void {
    if (connection.opened.subscription !== null) return;
    if (connection.endingAt !== Number.POSITIVE_INFINITY) return;
    for (const [topic, { next }] of connection.feeds) {
      const head = this.#heads.get(topic) ?? 0;
      if (next === null || next > head) continue;
      const who = `connection ${connection.opened.connection}`;
      this.#fault('lost', `${topic}: ${who} was not given ${next} to ${head}`);
    }
  }

  #life(topic: string, connection: Connection): Life | undefined {
    const { subscription } = connection.opened;
    return subscription === null ? undefined : this.#lives.get(`${topic} ${subscription}`);
  }
}

function newLife(end: DurableEnd): Life {
  return {
    end,
    connections: [],
    seen: new Map(),
    high: end.startedAfter,
    lastFeed: null,
    skipped: new Map(),
    acked: new Set(),
    confirmed: new Map(),
    rejected: new Set(),
    rejectConfirmed: new Set(),
  };
}

function newFeed(connection: Connection): Feed {
  return { connection, next: null, got: new Map(), lastAt: new Map(), firsts: [] };
}

function place({ topic, sequence }: { topic: string; sequence: number }): string {
  return `${topic}/${sequence}`;
}

function tell(event: Delivered, { opened }: Connection): string {
  const what = `${place(event)} attempt ${event.attempt}`;
  const where = `${opened.subscription ?? 'ephemeral'}, connection ${event.connection}`;
  return `${what} to ${where}, at ${Math.round(event.at)} ms`;
}

/** The sequences that an ack or reject settles. */
function meant(said: Said, connection: Connection): number[] {
  if (!said.cumulative) return [said.sequence];
  const got = connection.feeds.get(said.topic)?.got ?? new Map<number, Delivered>();
  return [...got.values()]
    .filter(({ sequence, at }) => sequence <= said.sequence && at <= said.at)
    .map(({ sequence }) => sequence);
}

/**
 * Those of them that the server is bound by once it has confirmed: a cumulative ack does not speak of what
 * came again after the message that it names, since the two may have crossed.
 */
function bound(said: Said, connection: Connection): number[] {
  const all = meant(said, connection);
  const feed = connection.feeds.get(said.topic);
  const named = feed?.got.get(said.sequence);
  if (!said.cumulative || feed === undefined) return all;
  const before = named?.at ?? said.at;
  return all.filter((sequence) => (feed.lastAt.get(sequence) ?? before) <= before);
}

/** Another session ended in between: what it had not been sent yet comes to others at once. */
function givenBack(life: Life, feed: Feed, from: number, to: number): boolean {
  return life.connections.some((other) => other !== feed.connection && ends(other, from, to));
}

/**
 * Another session ended in between without a goodbye, or its node was out of reach: what it had not read has
 * failed, or is given back when its node's end is known.
 */
function lostUnread(life: Life, feed: Feed, from: number, to: number): boolean {
  return life.connections.some(
    (other) =>
      other !== feed.connection &&
      (!other.clean || other.unreached !== null) &&
      ends(other, from, to),
  );
}

function ends(connection: Connection, from: number, to: number): boolean {
  if (wasAway(connection, from, to)) return true;
  const { endingAt, endedAt } = connection;
  return endingAt - END_SEEN_WITHIN_MS <= to && endedAt + END_SEEN_WITHIN_MS >= from;
}

/** Was out of reach of who sends to it, some time from `from` to `to`. */
function wasAway({ unreached }: Connection, from: number, to: number): boolean {
  const away = unreached ?? { from: Number.POSITIVE_INFINITY, to: 0 };
  return away.from - END_SEEN_WITHIN_MS <= to && away.to + END_SEEN_WITHIN_MS >= from;
}
