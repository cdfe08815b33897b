/**
 * Hands the messages of a topic to a group of sessions that are caught up: from the hot cache, or read for
 * the group where it is behind that. Members without room leave before they would be sent too much.
 */
import type { Clock } from '../../core/clock.js';
import { Histogram } from '../../observe/histogram.js';
import { DURATION_BOUNDS } from '../../observe/metrics.js';
import type { Chunk, FrameContext } from '../state/chunk.js';
import { chunkFrames, cutChunks, rowFrames } from '../state/chunk.js';
import type { Group } from '../state/group.js';
import type { Outlet } from '../state/outlet.js';
import type { Subscription, Topic } from '../state/subscription.js';
import { tellGap } from './notices.js';
import type { FeedPage } from './pager.js';

/** Rows of one read for a group: what the link has no credit for is read again. */
const GROUP_ROWS_MAX = 256;

const SHARED = { subscription: null, attempt: 1 };

export interface GroupFeederOptions {
  clock: Clock;
  readPage: (page: FeedPage) => void;
  /** It is not in the group any more: it goes on by itself. */
  pump: (subscription: Subscription) => void;
  /** Goes on once the link has deliver credit again. */
  stall: (outlet: Outlet, topic: Topic) => void;
  /** A read for a group is over: whoever waits at the head may join. */
  onRead: (topic: Topic) => void;
}

export class GroupFeeder {
  /** From the commit of a chunk's oldest message, for each message and member. */
  readonly latency = new Histogram(DURATION_BOUNDS);
  readonly #options: GroupFeederOptions;

  constructor(options: GroupFeederOptions) {
    this.#options = options;
  }

  /** Sends what the group does not have yet, as far as its link has credit. */
  pump(topic: Topic, group: Group<Subscription>): void {
    while (group.size > 0 && group.cursor < topic.head && !group.reading) {
      if (!group.outlet.hasCredit) {
        this.#options.stall(group.outlet, topic);
        return;
      }
      const chunk = topic.cache.find(group.cursor + 1);
      if (chunk === undefined) {
        this.#read(topic, group);
        return;
      }
      this.#send(topic, group, chunk);
    }
  }

  /** Sends what of the chunk the group does not have; members without room leave first. */
  #send(topic: Topic, group: Group<Subscription>, chunk: Chunk): void {
    const full = group.leaveFull(chunk.last);
    if (group.size > 0) {
      const context = frameContext(topic, group.encoding, this.#options.clock.now());
      const first = group.cursor + 1;
      const frames =
        first === chunk.first
          ? chunkFrames(chunk, context)
          : rowFrames(chunk.rows.slice(first - chunk.first), context);
      if (frames.length > 0) {
        const oldestMs = chunk.rows[first - chunk.first]?.publishedAtMs ?? context.nowMs;
        const given = (chunk.last - first + 1) * group.size;
        this.latency.observe(Math.max(0, context.nowMs - oldestMs) / 1_000, given);
        group.outlet.deliverGroup({
          topicNo: topic.no,
          encoding: group.encoding,
          firstSequence: first,
          lastSequence: chunk.last,
          frames,
        });
        topic.traces?.delivered(chunk.rows.slice(first - chunk.first), SHARED);
      }
      group.cursor = chunk.last;
      group.sendTimes.sent(chunk.last, this.#options.clock.monotonic());
      if (chunk.expires) this.#skipExpired(topic, group, chunk);
    }
    for (const subscription of full) this.#options.pump(subscription);
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

  #read(topic: Topic, group: Group<Subscription>): void {
    group.reading = true;
    const from = group.cursor + 1;
    this.#options.readPage({
      ...{ topic, from, rowsMax: GROUP_ROWS_MAX },
      isWanted: () => {
        if (group.size > 0) return true;
        this.#wasRead(topic, group);
        return false;
      },
      onPage: ({ rows }, missingUpTo) => {
        if (group.size > 0) {
          this.#passGap(group, missingUpTo);
          // One goes out in any case: on a busy link the credit may be gone whenever a page has come.
          for (const [n, chunk] of cutChunks(rows).entries()) {
            if (n > 0 && !group.outlet.hasCredit) break;
            this.#send(topic, group, chunk);
          }
        }
        this.#wasRead(topic, group);
      },
    });
  }

  /** Nobody joins a group while a page is read for it, not even one that all have left meanwhile. */
  #wasRead(topic: Topic, group: Group<Subscription>): void {
    group.reading = false;
    this.#options.onRead(topic);
  }

  /** The log no longer has what the group needs next: all members are told, and go on after it. */
  #passGap(group: Group<Subscription>, upTo: number): void {
    if (upTo <= group.cursor) return;
    for (const member of group.members()) tellGap(member, upTo);
    group.cursor = upTo;
  }
}

export function frameContext(
  topic: Topic,
  encoding: FrameContext['encoding'],
  nowMs: number,
): FrameContext {
  return { encoding, topic: topic.name, nowMs, subscription: null };
}
