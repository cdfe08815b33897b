/**
 * Stores what changed in cursors in a while, some of it at a time when it is much, in transactions of
 * a bounded size, one under way at a time. A save that failed is repeated: as it was while the log is
 * the same, cut to what both have once its topic has come over to another, and never for a
 * subscription that was given up or has ended. Verdicts are answered after the save that contains
 * them, and refused when it is not stored.
 */
import { backoffMs } from '../../core/backoff.js';
import type { Clock } from '../../core/clock.js';
import { RequestError } from '../../core/errors.js';
import {
  type MissingMessage,
  OtherLog,
  type SubscriptionSave,
  type SubscriptionStore,
} from '../../log/contract/subscription-store.js';
import type { Topic, Tracker } from '../state/subscription.js';
import {
  answerAll,
  cutPart,
  REPLACED,
  refuseAnswers,
  type SavePart,
  TAKEN,
  takePart,
  upToOnly,
} from './save-part.js';

const SAVE_INTERVAL_MS = 250;
/**
 * Beyond so many cursors the interval is divided: a thousand of them stored at once take the database and
 * this thread 20 ms, in which publishes wait.
 */
const SLICE_CURSORS_MIN = 64;
const SLICES = 10;
const SLICE_MS = SAVE_INTERVAL_MS / SLICES;
/** When somebody waits to be told that a verdict is stored. */
const ANSWER_INTERVAL_MS = 10;
/** Changes in one transaction, give or take one cursor's: more would hold up the thread. */
const CHANGES_MAX = 5_000;
const RETRY = { firstMs: 100, capMs: 2_000 };

const CLOSE_SHARE = 1 / 8;

/** Subscriptions, and the verdicts among it that wait for their answer. */
export interface Unsaved {
  cursors: number;
  acks: number;
}

export interface SavesOptions {
  store: SubscriptionStore;
  clock: Clock;
  /** Another node or worker has taken it over, or it was deleted. */
  onLost: (tracker: Tracker) => void;
  /** Messages that were given up are nowhere any more: nobody will find a dead letter of them. */
  onMissing: (tracker: Tracker, sequences: readonly number[]) => void;
  /** So many messages of it were given up. */
  onGivenUp?: (tracker: Tracker, count: number) => void;
  /** A durable one was stored. */
  onStored: (tracker: Tracker) => void;
  /** A save failed; it is repeated, or its subscription is given up. */
  onFailed: (error: unknown) => void;
}

export class Saves {
  readonly #options: SavesOptions;
  /** Who changed first is first. */
  readonly #dirty = new Set<Tracker>();
  /** Those with verdicts that wait for their answer. */
  readonly #asked = new Set<Tracker>();
  #timer: NodeJS.Timeout | null = null;
  #timerMs = Number.POSITIVE_INFINITY;
  #underWay: Promise<void> | null = null;
  /** Taken, and neither stored nor refused yet: one of each at most, as one save is under way at a time. */
  readonly #inHand = new Map<Tracker, SavePart>();
  #state: 'open' | 'closed' = 'open';

  constructor(options: SavesOptions) {
    this.#options = options;
  }

  /** To be called when the cursor may have changed. */
  changed(tracker: Tracker): void {
    const { changes } = tracker.cursor;
    if (tracker.durable === null) {
      if (changes.failures.length > 0 && !isTraced(tracker)) changes.failures = [];
      if (!hasFailures(tracker)) changes.clear();
    }
    if (changes.isEmpty && tracker.answers.length === 0) return;
    this.#dirty.add(tracker);
    if (tracker.answers.length > 0) {
      this.#asked.add(tracker);
      this.#schedule(ANSWER_INTERVAL_MS);
    } else {
      this.#schedule(this.#dirty.size > SLICE_CURSORS_MIN ? SLICE_MS : SAVE_INTERVAL_MS);
    }
  }

  /**
   * Other messages have, or will have, the sequences above `upTo`: what is in hand of it and is repeated must
   * not say that it has gone past them, nor anything else of them. What follows is of its next save.
   */
  fellBack(tracker: Tracker, upTo: number): void {
    const isAhead = tracker.cursor.delivered > upTo;
    const { changes } = tracker.cursor;
    changes.deadLetters = upToOnly(changes.deadLetters, upTo);
    changes.failures = upToOnly(changes.failures, upTo);
    // Which of them are of what was lost is not known any more.
    if (isAhead) refuseAnswers(tracker, REPLACED);
    const part = this.#inHand.get(tracker);
    if (part === undefined) return;
    if (isAhead) refuseAnswers(part, REPLACED);
    cutPart(part, upTo);
  }

  /**
   * Nothing more is stored of what has changed in these topics, and whoever waits for an answer is
   * refused. It looks at all that is unsaved, however few topics they are.
   */
  giveUp(topics: ReadonlySet<Topic>): void {
    for (const [{ topic }, part] of this.#inHand) {
      if (!topics.has(topic)) continue;
      part.isGivenUp = true;
      refuseAnswers(part, REPLACED);
    }
    for (const tracker of this.#dirty) {
      if (!topics.has(tracker.topic)) continue;
      this.#dirty.delete(tracker);
      this.#asked.delete(tracker);
      tracker.cursor.changes.clear();
      refuseAnswers(tracker, REPLACED);
    }
  }

  /** Resolves once everything that had changed by now is stored, or was refused. */
  async flush(): Promise<void> {
    await this.#storeSome(() => [...this.#dirty]);
  }

  /** Stores those that `choose` gives when nothing else is under way; what it leaves is stored soon. */
  async #storeSome(choose: () => readonly Tracker[]): Promise<void> {
    while (this.#underWay !== null) await this.#underWay;
    const chosen = choose();
    if (chosen.length === 0) return;
    const isAll = chosen.length === this.#dirty.size;
    this.#underWay = this.#storeAll(chosen);
    await this.#underWay;
    this.#underWay = null;
    if (!isAll) this.#schedule(SLICE_MS);
  }

  /** Whoever waits for an answer, and of the others those that changed first. */
  readonly #due = (): readonly Tracker[] => {
    const due = new Set(this.#asked);
    const count = due.size + Math.max(SLICE_CURSORS_MIN, Math.ceil(this.#dirty.size / SLICES));
    for (const tracker of this.#dirty) {
      if (due.size >= count) break;
      due.add(tracker);
    }
    return [...due];
  };

  /** What changes after a cursor's part was taken is of the next save. */
  async #storeAll(trackers: readonly Tracker[]): Promise<void> {
    let parts: SavePart[] = [];
    let changes = 0;
    for (const tracker of trackers) {
      // It may have been given up while those before it were stored.
      if (!this.#dirty.delete(tracker)) continue;
      this.#asked.delete(tracker);
      changes += 1 + tracker.cursor.changes.size;
      parts.push(takePart(tracker, this.#options.clock));
      if (changes < CHANGES_MAX) continue;
      await this.#store(parts);
      parts = [];
      changes = 0;
    }
    if (parts.length > 0) await this.#store(parts);
  }

  /**
   * Stores what has changed, as long as that takes no longer than a part of the node's time to end, since
   * the acceptors have had most of it; then gives up, and says what was not stored.
   */
  async close(shutdownMs: number): Promise<Unsaved> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    const withinMs = shutdownMs * CLOSE_SHARE;
    const timeout = new Promise<void>((resolve) => setTimeout(resolve, withinMs).unref());
    await Promise.race([this.flush(), timeout]);
    this.#state = 'closed';
    return this.#unsaved();
  }

  #unsaved(): Unsaved {
    const dirty = [...this.#dirty];
    const answers = [...dirty, ...this.#inHand.values()].map((one) => one.answers.length);
    return {
      cursors: new Set([...dirty, ...this.#inHand.keys()]).size,
      acks: answers.reduce((sum, n) => sum + n, 0),
    };
  }

  #schedule(afterMs: number): void {
    if (afterMs >= this.#timerMs) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timerMs = afterMs;
    this.#timer = setTimeout(this.#timeout, afterMs);
  }

  /** A field of its own: a closure in #schedule would cost every ack its context. */
  readonly #timeout = (): void => {
    this.#timer = null;
    this.#timerMs = Number.POSITIVE_INFINITY;
    void this.#storeSome(this.#due);
  };

  async #store(all: readonly SavePart[]): Promise<void> {
    for (const part of all) this.#inHand.set(part.tracker, part);
    const { clock, onFailed } = this.#options;
    const stored = new Set<SavePart>();
    for (let attempt = 1; this.#state === 'open'; attempt++) {
      const parts = all.filter((part) => this.#isWanted(part));
      if (parts.length === 0) return;
      try {
        this.#stored(parts, await this.#storeOnce(parts, stored));
        return;
      } catch (error) {
        // Of the log that was there before: it goes on when its topic has been brought over.
        if (!(error instanceof OtherLog)) onFailed(error);
        if (error instanceof RequestError && error.code === 'message_refused') {
          await this.#apart(parts);
          return;
        }
        await new Promise((resolve) =>
          setTimeout(resolve, backoffMs(attempt, RETRY, clock.random)),
        );
      }
    }
  }

  /** Answers the durable ones that were refused. `stored`: the others that need not be stored again. */
  async #storeOnce(parts: readonly SavePart[], stored: Set<SavePart>): Promise<Set<number>> {
    const { store } = this.#options;
    const saves: SubscriptionSave[] = [];
    for (const part of parts) {
      const { tracker, durable, ephemeral } = part;
      const save = durable ?? ephemeral;
      // As it is now: the topic may have come over to another log meanwhile, and the save with it.
      if (save !== null) save.epoch = tracker.topic.epoch;
      if (durable === null) continue;
      saves.push(durable);
      // Stored once more after a later part has failed, they find the same ones missing.
      part.missing = [];
    }
    const onMissing = ({ id, sequence }: MissingMessage): unknown =>
      parts.find((part) => part.durable?.id === id)?.missing.push(sequence);
    const lost = new Set(saves.length === 0 ? [] : await store.save(saves, onMissing));
    for (const part of parts) {
      if (part.ephemeral === null || stored.has(part)) continue;
      const missing: number[] = [];
      part.missing = missing;
      await store.saveEphemeral(part.ephemeral, (sequence) => missing.push(sequence));
      stored.add(part);
    }
    return lost;
  }

  /**
   * What the database refuses, and always will, costs its own subscription. Sessions of a durable one are
   * told that they have it no more, nothing of it is settled, and who subscribes again is given it again.
   * One that ends with its session goes on: it is told that what it gave up is nowhere.
   */
  async #apart(parts: readonly SavePart[]): Promise<void> {
    if (parts.length > 1) {
      for (const part of parts) await this.#store([part]);
      return;
    }
    for (const part of parts) {
      part.missing = part.ephemeral?.deadLetters.map(({ sequence }) => sequence) ?? [];
    }
    this.#stored(parts, new Set(parts.flatMap(({ durable }) => durable?.id ?? [])));
  }

  /** False: it is at its end, as nobody may store it any more. */
  #isWanted(part: SavePart): boolean {
    if (!part.isGivenUp && !isOver(part.tracker)) return true;
    refuseAnswers(part, TAKEN);
    this.#end(part);
    return false;
  }

  #end(part: SavePart): void {
    if (this.#inHand.get(part.tracker) !== part) return;
    this.#inHand.delete(part.tracker);
    part.tracker.saving--;
    part.tracker.saves++;
  }

  #stored(parts: readonly SavePart[], lost: ReadonlySet<number>): void {
    for (const part of parts) {
      const { tracker, durable, ephemeral, missing } = part;
      this.#end(part);
      const isLost = durable !== null && lost.has(durable.id);
      const given = (durable ?? ephemeral)?.deadLetters.length ?? 0;
      const gone = isLost ? 0 : given - missing.length;
      tracker.topic.counts.deadLettered += gone;
      if (gone > 0) this.#options.onGivenUp?.(tracker, gone);
      if (isLost) refuseAnswers(part, TAKEN);
      else answerAll(part);
      if (missing.length > 0 && !isLost) this.#options.onMissing(tracker, missing);
      if (durable === null || tracker.state === 'ended') continue;
      if (isLost) this.#options.onLost(tracker);
      else this.#options.onStored(tracker);
    }
  }
}

/** It is not this worker's any more: whatever has its id and term in the store may be another's. */
function isOver({ durable, state }: Tracker): boolean {
  return durable !== null && state === 'ended';
}

/**
 * A session that never acknowledges fails every delivery, every time: its dead letters are stored, each
 * failure on the way there is not.
 */
function isTraced({ subscriptions }: Tracker): boolean {
  for (const subscription of subscriptions) if (subscription.isWindowed) return true;
  return false;
}

function hasFailures({ cursor }: Tracker): boolean {
  const { deadLetters, failures, settled, returned } = cursor.changes;
  return deadLetters.length + failures.length + settled.length + returned.length > 0;
}
