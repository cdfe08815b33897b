/**
 * Hands committed messages to groups and to subscriptions that page, at the pace of their sockets,
 * windows and links. Everything here is a pump: it goes on until something is missing (messages,
 * window, credit, an answer) and is called again when that comes. Nothing waits inside.
 */
import type { Clock } from '../../core/clock.js';
import type { Histogram } from '../../observe/histogram.js';
import type { LeftOp } from '../../thread/ops/deliver.js';
import type { PageReads } from '../log/page-reads.js';
import type { Chunk, FrameContext } from '../state/chunk.js';
import { CHUNK_BYTES_MAX, chunkFrames, rowFrames } from '../state/chunk.js';
import type { Outlet } from '../state/outlet.js';
import type { Page, Subscription, Topic, Tracker } from '../state/subscription.js';
import { gapEnd } from './gap.js';
import { frameContext, GroupFeeder } from './group-feeder.js';
import { tellCaughtUp, tellGap } from './notices.js';
import { type FeedPage, Pager } from './pager.js';

/** With less room than this in the window, a read of the log waits for more acks, this long at most. */
const PAGE_ROOM_MIN = 64;
const TRICKLE_MS = 5;

export interface FeederOptions {
  reads: PageReads;
  clock: Clock;
  /** Whether sessions of durable subscriptions may be given messages now. */
  mayDispatch: (topic: Topic) => boolean;
  /** A read failed; it is tried again. */
  onReadFailed: (topic: Topic, error: unknown) => void;
  /** The head moved, or credit came back, for one whose messages are given one by one. */
  onShared: (tracker: Tracker) => void;
}

export class Feeder {
  readonly #options: FeederOptions;
  readonly #pager: Pager;
  readonly #groups: GroupFeeder;
  /** What stopped for want of deliver credit, by link. */
  readonly #stalled = new Map<Outlet, Set<Topic | Subscription | Tracker>>();

  constructor(options: FeederOptions) {
    this.#options = options;
    this.#groups = new GroupFeeder({
      clock: options.clock,
      readPage: (page) => this.#readPage(page),
      pump: (subscription) => this.pump(subscription),
      stall: (outlet, topic) => this.stall(outlet, topic),
      onRead: (topic) => this.headMoved(topic),
    });
    this.#pager = new Pager({
      readPage: (page) => this.#readPage(page),
      onArrived: (subscription) => {
        if (subscription.page !== 'reading') return;
        subscription.page = 'none';
        this.pump(subscription);
      },
    });
  }

  /** Seconds from commit to hand-over, of those who are caught up. */
  get latency(): Histogram {
    return this.#groups.latency;
  }

  /** The topic's head moved: feeds its groups and whoever waits at the head. */
  headMoved(topic: Topic): void {
    if (!this.#options.mayDispatch(topic)) takeOut(topic);
    for (const group of topic.groups) this.#groups.pump(topic, group);
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
    if (missingUpTo > subscription.delivered) tellGap(subscription, missingUpTo);
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
    const { traces } = topic;
    traces?.delivered(page.rows, { subscription: subscription.tracker?.name ?? null, attempt: 1 });
    subscription.sentPage(page, this.#options.clock.monotonic());
    subscription.page = 'sent';
    tellCaughtUp(subscription);
  }

  #joinAtHead(subscription: Subscription): void {
    const { topic } = subscription;
    tellCaughtUp(subscription);
    const group = topic.groupOf(subscription.outlet, subscription.encoding);
    const fits = group.cursor === subscription.delivered && !group.reading;
    if (fits && subscription.isAlone) subscription.enter(group);
    else topic.atHead.add(subscription);
  }

  /** Who has several subscriptions to the topic is told which one a frame is of. */
  #pageContext({ topic, encoding, isAlone, tracker }: Subscription): FrameContext {
    const context = frameContext(topic, encoding, this.#options.clock.now());
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

/** Groups go on without the sessions of durable subscriptions. */
function takeOut(topic: Topic): void {
  for (const subscription of topic.subscriptions.values()) {
    if (subscription.tracker?.durable != null) subscription.group?.leave(subscription);
  }
}
