/**
 * Finds what other nodes did: every second, or more often, the heads of subscribed topics are looked at
 * (head-look.ts), and with another query the terms of the durable subscriptions that are held here. It
 * sees messages that nobody announced (a lost last one shows in no gap), topics that were deleted
 * elsewhere, and subscriptions that were taken over or deleted there, also while nothing is delivered.
 */
import type { Clock } from '../../core/clock.js';
import type { LogState } from '../../core/log-figures.js';
import type { MessageLog } from '../../log/contract/message-log.js';
import type { LostTerm, SubscriptionStore } from '../../log/contract/subscription-store.js';
import type { LeaseWatch } from '../../thread/lease-watch.js';
import type { Topic, Tracker } from '../state/subscription.js';
import { HeadLook, type HeadLookOptions } from './head-look.js';

/** Within so long, however often somebody asks. */
const SOON_MS = 50;
/** Of subscriptions in one query. */
const HELD_MAX = 10_000;

export interface HeadLog extends Pick<MessageLog<never>, 'heads' | 'headMoves' | 'movedHeads'> {
  readonly state: LogState;
  readonly subscriptions: Pick<SubscriptionStore, 'lost'>;
}

export interface HeadCheckOptions extends HeadLookOptions {
  clock: Clock;
  log: HeadLog;
  /** To the next check, ms. */
  periodMs: () => number;
  /** The durable subscriptions that are held here. */
  held: () => Iterable<Tracker>;
  onLost: (tracker: Tracker, why: LostTerm['why']) => void;
  /** Whether what is held may be given, by the terms that were looked at; null: nobody else takes any. */
  watch: Pick<LeaseWatch, 'lapses' | 'checked'> | null;
  /** Takes in what other nodes gave back to those that are held here. */
  redriven: () => Promise<void>;
  /** A check was answered by a log that is open. */
  onWell: () => void;
  /** A check failed; the next one comes. */
  onFailed: (error: unknown) => void;
}

export class HeadCheck {
  readonly #options: HeadCheckOptions;
  readonly #look: HeadLook;
  #checkedAtMs: number | null = null;
  #timer: NodeJS.Timeout | null = null;
  #soon: NodeJS.Timeout | null = null;
  #state: 'idle' | 'checking' | 'again' = 'idle';
  #isStopped = false;

  constructor(options: HeadCheckOptions) {
    this.#options = options;
    this.#look = new HeadLook(options);
  }

  /** The first subscription to the topic came. */
  subscribed(topic: Topic): void {
    this.#look.subscribed(topic);
  }

  /** See HeadLook.doubt. */
  doubt(): void {
    this.#look.doubt();
  }

  /** Since the last check that was answered, ms; null: none yet. */
  get sinceMs(): number | null {
    const { clock } = this.#options;
    return this.#checkedAtMs === null ? null : Math.round(clock.monotonic() - this.#checkedAtMs);
  }

  start(): void {
    this.now();
    this.#timer = setTimeout(() => this.start(), this.#options.periodMs());
  }

  /** From then on nothing is asked, and what was asked and fails is not told: the log is closed next. */
  stop(): void {
    for (const timer of [this.#timer, this.#soon]) if (timer !== null) clearTimeout(timer);
    this.#timer = null;
    this.#isStopped = true;
  }

  /** In a moment, with all who ask until then. */
  soon(): void {
    if (this.#isStopped) return;
    this.#soon ??= setTimeout(() => {
      this.#soon = null;
      this.now();
    }, SOON_MS);
  }

  /** Checks at once; while a check is under way, once more after it. */
  now(): void {
    if (this.#isStopped) return;
    if (this.#state !== 'idle') {
      this.#state = 'again';
      return;
    }
    this.#state = 'checking';
    this.#check()
      .then(() => {
        this.#checkedAtMs = this.#options.clock.monotonic();
        if (this.#options.log.state === 'open') this.#options.onWell();
      })
      .catch((error: unknown) => {
        if (!this.#isStopped) this.#options.onFailed(error);
      })
      .finally(() => {
        const again = this.#state === 'again';
        this.#state = 'idle';
        if (again) this.now();
      });
  }

  /** Terms first: who has lost a subscription is given nothing more. */
  async #check(): Promise<void> {
    const { watch } = this.#options;
    const lapses = watch?.lapses ?? 0;
    await this.#checkTerms();
    watch?.checked(lapses);
    await this.#options.redriven();
    await this.#look.look();
  }

  async #checkTerms(): Promise<void> {
    const { subscriptions } = this.#options.log;
    const held = new Map<number, Tracker>();
    for (const tracker of this.#options.held()) {
      if (tracker.durable !== null) held.set(tracker.durable.id, tracker);
    }
    const terms = [...held.values()].flatMap(({ topic, durable }) =>
      durable === null ? [] : [{ ...durable, topicId: topic.id }],
    );
    for (let from = 0; from < terms.length; from += HELD_MAX) {
      const lost = await subscriptions.lost(terms.slice(from, from + HELD_MAX));
      for (const { id, why } of lost) {
        const tracker = held.get(id);
        if (tracker !== undefined && tracker.state !== 'ended') this.#options.onLost(tracker, why);
      }
    }
  }
}
