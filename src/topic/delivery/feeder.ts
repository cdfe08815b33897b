/**
 * Hands committed messages to groups and to subscriptions that page, at the pace of their sockets,
 * windows and links. Everything here is a pump: it goes on until something is missing (messages,
 * window, credit, an answer) and is called again when that comes. Nothing waits inside.
 */
import type { Clock } from '../../core/clock.js';
import type { LeftOp } from '../../thread/ops/deliver.js';
import type { Gap } from '../../thread/ops/gap.js';
import type { PageReads } from '../log/page-reads.js';
import type { Chunk, FrameContext } from '../state/chunk.js';
import { CHUNK_BYTES_MAX, chunkFrames, cutChunks, rowFrames } from '../state/chunk.js';
import type { Group } from '../state/group.js';
import type { Outlet } from '../state/outlet.js';
import type { Page, Subscription, Topic, Tracker } from '../state/subscription.js';
import { gapEnd } from './gap.js';
import { type FeedPage, Pager } from './pager.js';

/** With less room than this in the window, a read of the log waits for more acks, this long at most. */
const PAGE_ROOM_MIN = 64;
const TRICKLE_MS = 5;
/** Rows of one read for a group: what the link has no credit for is read again. */
const GROUP_ROWS_MAX = 256;

export interface FeederOptions {
  reads: PageReads;
  clock: Clock;
  /** A read failed; it is tried again. */
  onReadFailed: (topic: Topic, error: unknown) => void;
  /** The head moved, or credit came back, for one whose messages are given one by one. */
  onShared: (tracker: Tracker) => void;
}

export class Feeder {
  readonly #options: FeederOptions;
  readonly #pager: Pager;
  /** What stopped for want of deliver credit, by link. */
  readonly #stalled = new Map<Outlet, Set<Topic | Subscription | Tracker>>();

  constructor(options: FeederOptions) {
    this.#options = options;
    this.#pager = new Pager({
      readPage: (page) => this.#readPage(page),
      onArrived: (subscription) => {
        if (subscription.page !== 'reading') return;
        subscription.page = 'none';
        this.pump(subscription);
      },
    });
  }

  /** The topic's head moved: feeds its groups and whoever waits at the head. */
  headMoved(topic: Topic): void {
    for (const group of topic.groups) this.#pumpGroup(topic, group);
    for (const tracker of topic.shared) this.#options.onShared(tracker);
    if (topic.atHead.size === 0) return;
    const waiting = [...topic.atHead];
    topic.atHead.clear();
    for (const subscription of waiting) this.pump(subscription);
  }

  /** Sends the next page, joins the group, or does nothing when it has to wait. */
  pump(subscription: Subscription): void {
    const { topic, outlet } = subscription;
    if (subscription.state !== 'paging' || subscription.page !== 'none') return;
    if (subscription.room <= 0 || subscription.isHeldBack) return;
    if (subscription.delivered >= topic.head) {
      this.#joinAtHead(subscription);
      return;
    }
    if (!outlet.hasCredit) {
      this.stall(outlet, subscription);
      return;
    }
    const chunk = topic.cache.find(subscription.delivered + 1);
    if (chunk === undefined) this.#pageFromLog(subscription);
    else this.#pageFromChunk(subscription, chunk);
  }

  /** From LEFT: the socket has everything up to `lastSequence` and takes no more for now. */
  left(subscription: Subscription, op: LeftOp): void {
    subscription.group?.remove(subscription);
    subscription.topic.atHead.delete(subscription);
    subscription.wasSentUpTo(subscription.reached(op));
    subscription.state = 'refused';
    subscription.page = 'none';
    subscription.nextRound();
  }

  /** From DRAINED. */
  drained(subscription: Subscription): void {
    if (subscription.state === 'refused') {
      const { tracker } = subscription;
      const isShared = tracker !== null && tracker.sole !== subscription;
      subscription.state = isShared ? 'shared' : 'paging';
    }
    if (subscription.page === 'sent') subscription.page = 'none';
    this.pump(subscription);
  }

  /** From CREDIT, when it ended a time without. */
  creditReturned(outlet: Outlet): void {
    const stalled = this.#stalled.get(outlet);
    if (stalled === undefined) return;
    this.#stalled.delete(outlet);
    for (const reader of stalled) {
      if ('groups' in reader) this.headMoved(reader);
      else if ('durable' in reader) this.#options.onShared(reader);
      else this.pump(reader);
    }
  }

  /** The acceptor is gone, and what stalled on it with it. */
  outletClosed(outlet: Outlet): void {
    this.#stalled.delete(outlet);
  }

  #pumpGroup(topic: Topic, group: Group<Subscription>): void {
    while (group.size > 0 && group.cursor < topic.head && !group.reading) {
      if (!group.outlet.hasCredit) {
        this.stall(group.outlet, topic);
        return;
      }
      const chunk = topic.cache.find(group.cursor + 1);
      if (chunk === undefined) {
        this.#readForGroup(topic, group);
        return;
      }
      this.#sendToGroup(topic, group, chunk);
    }
  }

  /** Sends what of the chunk the group does not have; members without room leave first. */
  #sendToGroup(topic: Topic, group: Group<Subscription>, chunk: Chunk): void {
    const full = group.leaveFull(chunk.last);
    if (group.size > 0) {
      const context = this.#frameContext(topic, group.encoding);
      const first = group.cursor + 1;
      const frames =
        first === chunk.first
          ? chunkFrames(chunk, context)
          : rowFrames(chunk.rows.slice(first - chunk.first), context);
      if (frames.length > 0) {
        group.outlet.deliverGroup({
          topicNo: topic.no,
          encoding: group.encoding,
          firstSequence: first,
          lastSequence: chunk.last,
          frames,
        });
      }
      group.cursor = chunk.last;
      group.sendTimes.sent(chunk.last, this.#options.clock.monotonic());
      if (chunk.expires) this.#skipExpired(topic, group, chunk);
    }
    for (const subscription of full) this.pump(subscription);
  }

  /** What had expired was not sent, so nobody will acknowledge it. Rare: it is done member by member. */
  #skipExpired(topic: Topic, group: Group<Subscription>, chunk: Chunk): void {
    const wallMs = this.#options.clock.now();
    const expired = chunk.rows.filter((row) => row.expiresAtMs !== 0 && row.expiresAtMs <= wallMs);
    if (expired.length === 0) return;
    topic.counts.expired += expired.length;
    for (const { tracker } of group.members()) {
      if (tracker === null) continue;
      tracker.cursor.sentUpTo(chunk.last);
      for (const row of expired) tracker.cursor.skip(row.sequence);
    }
  }

  #readForGroup(topic: Topic, group: Group<Subscription>): void {
    group.reading = true;
    const from = group.cursor + 1;
    this.#readPage({
      ...{ topic, from, rowsMax: GROUP_ROWS_MAX },
      isWanted: () => {
        if (group.size > 0) return true;
        this.#groupRead(topic, group);
        return false;
      },
      onPage: ({ rows }, missingUpTo) => {
        if (group.size > 0) {
          this.#passGap(group, missingUpTo);
          // One goes out in any case: on a busy link the credit may be gone whenever a page has come.
          for (const [n, chunk] of cutChunks(rows).entries()) {
            if (n > 0 && !group.outlet.hasCredit) break;
            this.#sendToGroup(topic, group, chunk);
          }
        }
        this.#groupRead(topic, group);
      },
    });
  }

  /** Nobody joins a group while a page is read for it, not even one that all have left meanwhile. */
  #groupRead(topic: Topic, group: Group<Subscription>): void {
    group.reading = false;
    this.headMoved(topic);
  }

  /** The log no longer has what the group needs next: all members are told, and go on after it. */
  #passGap(group: Group<Subscription>, upTo: number): void {
    if (upTo <= group.cursor) return;
    for (const member of group.members()) this.tellGap(member, upTo);
    group.cursor = upTo;
  }

  #pageFromChunk(subscription: Subscription, chunk: Chunk): void {
    const from = subscription.delivered + 1;
    const context = this.#pageContext(subscription);
    const { expires } = chunk;
    if (from === chunk.first && subscription.room >= chunk.last - from + 1) {
      const { rows, last } = chunk;
      this.#sendPage(subscription, { rows, last, expires }, chunkFrames(chunk, context));
      return;
    }
    const last = Math.min(chunk.last, subscription.fullAt);
    const rows = chunk.rows.slice(from - chunk.first, last - chunk.first + 1);
    this.#sendPage(subscription, { rows, last, expires }, rowFrames(rows, context));
  }

  #pageFromLog(subscription: Subscription): void {
    subscription.topic.atHead.delete(subscription);
    if (this.#trickles(subscription)) return;
    const arrived = this.#pager.take(subscription);
    if (arrived === null) {
      subscription.page = 'reading';
      return;
    }
    const { rows, missingUpTo } = arrived;
    if (missingUpTo > subscription.delivered) this.tellGap(subscription, missingUpTo);
    const last = rows.at(-1)?.sequence;
    if (last === undefined) {
      this.pump(subscription);
      return;
    }
    const context = this.#pageContext(subscription);
    const expires = rows.some((row) => row.expiresAtMs !== 0);
    this.#sendPage(subscription, { rows, last, expires }, rowFrames(rows, context));
    this.#pager.readAhead(subscription);
  }

  /** Waits a moment for more acks rather than send a page of a few rows. */
  #trickles(subscription: Subscription): boolean {
    const { room, inFlight, round } = subscription;
    if (room >= PAGE_ROOM_MIN || room >= inFlight || subscription.hasTrickled) {
      subscription.hasTrickled = false;
      return false;
    }
    subscription.page = 'reading';
    setTimeout(() => {
      if (subscription.round !== round || subscription.page !== 'reading') return;
      subscription.page = 'none';
      subscription.hasTrickled = true;
      this.pump(subscription);
    }, TRICKLE_MS);
    return true;
  }

  #sendPage(subscription: Subscription, page: Page, frames: Uint8Array): void {
    const { outlet, topic, number, round } = subscription;
    outlet.deliver({
      subscription: number,
      topicNo: topic.no,
      round,
      firstSequence: subscription.delivered + 1,
      lastSequence: page.last,
      frames,
    });
    subscription.sentPage(page, this.#options.clock.monotonic());
    subscription.page = 'sent';
    this.tellCaughtUp(subscription);
  }

  /** Once it has been given everything that was there when it came. */
  tellCaughtUp(subscription: Subscription): void {
    if (subscription.delivered < subscription.caughtUpAt) return;
    subscription.caughtUpAt = Number.POSITIVE_INFINITY;
    subscription.outlet.caughtUp({
      subscription: subscription.number,
      topicNo: subscription.topic.no,
      sequence: subscription.delivered,
    });
  }

  #joinAtHead(subscription: Subscription): void {
    const { topic } = subscription;
    this.tellCaughtUp(subscription);
    const group = topic.groupOf(subscription.outlet, subscription.encoding);
    const fits = group.cursor === subscription.delivered && !group.reading;
    if (fits && subscription.isAlone) subscription.enter(group);
    else topic.atHead.add(subscription);
  }

  /** Retention took what was next: it is told, and passed. */
  tellGap(subscription: Subscription, upTo: number): void {
    const { tracker, delivered } = subscription;
    if (tracker !== null) {
      this.tellTrackerGap(tracker, upTo);
      return;
    }
    this.tellMissing(subscription, { from: delivered + 1, to: upTo, reason: 'retention' });
    subscription.passOver(upTo);
  }

  /** All sessions are told the same, and only what the cursor had not passed before. */
  tellTrackerGap(tracker: Tracker, upTo: number): void {
    tracker.sync(this.#options.clock.monotonic());
    const gaps = tracker.cursor.passOver(upTo);
    for (const one of tracker.subscriptions) {
      for (const [from, to] of gaps) this.tellMissing(one, { from, to, reason: 'retention' });
      one.passOver(upTo);
    }
  }

  /** Tells one subscription what it will not get. */
  tellMissing(subscription: Subscription, gap: Gap): void {
    this.#tell(subscription, Math.max(subscription.delivered, gap.to), gap);
  }

  /**
   * Another incarnation of the log goes on after `upTo`. Whoever keeps a position keeps it with the epoch, so
   * also who misses nothing is told. Who had not come so far goes on from where it is.
   */
  tellEpoch(subscription: Subscription, upTo: number, gap: Gap | null): void {
    this.#tell(subscription, Math.min(subscription.delivered, upTo), gap);
  }

  #tell({ outlet, topic, number }: Subscription, delivered: number, gap: Gap | null): void {
    const { no: topicNo, head: sequence, epoch } = topic;
    outlet.gap({ subscription: number, topicNo, sequence, delivered, epoch, gap });
  }

  #frameContext(topic: Topic, encoding: FrameContext['encoding']): FrameContext {
    const nowMs = this.#options.clock.now();
    return { encoding, topic: topic.name, nowMs, subscription: null };
  }

  /** Who has several subscriptions to the topic is told which one a frame is of. */
  #pageContext({ topic, encoding, isAlone, tracker }: Subscription): FrameContext {
    const context = this.#frameContext(topic, encoding);
    return isAlone ? context : { ...context, subscription: tracker?.name ?? null };
  }

  #readPage({ topic, from, rowsMax, isWanted, onPage }: FeedPage): void {
    this.#options.reads.want({
      range: () => {
        if (!isWanted()) return null;
        const range = { topicId: topic.id, fromSequence: from, toSequence: topic.head };
        return { ...range, rowsMax, bytesMax: CHUNK_BYTES_MAX, order: 'asc' };
      },
      onPage: (page, range) => {
        const missingUpTo = gapEnd(range, page);
        if (page.rows.length === 0 && missingUpTo < from) return 'again';
        onPage(page, missingUpTo);
        return 'taken';
      },
      onFailed: (error) => this.#options.onReadFailed(topic, error),
    });
  }

  /** Goes on once the link has deliver credit again. */
  stall(outlet: Outlet, reader: Topic | Subscription | Tracker): void {
    const stalled = this.#stalled.get(outlet);
    if (stalled === undefined) this.#stalled.set(outlet, new Set([reader]));
    else stalled.add(reader);
  }
}
