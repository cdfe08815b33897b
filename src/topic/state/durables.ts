/**
 * The durable subscriptions that this worker holds: taken from the store when the first session comes,
 * given up once the last has gone and everything is saved. One tracker each, whoever asks.
 */
import type { Clock } from '../../core/clock.js';
import { newEntry } from '../../core/cursor-entry.js';
import type { DeadLetterRecord } from '../../core/dead-letter-record.js';
import { RequestError } from '../../core/errors.js';
import type { Limits } from '../../core/limits.js';
import type { DeliveryRecord, SubscriptionRecord } from '../../core/subscription-record.js';
import type {
  HeldTerm,
  InitialSubscription,
  SubscriptionStore,
} from '../../log/contract/subscription-store.js';
import type { Topic, Tracker } from './subscription.js';
import { TrackerOf } from './tracker.js';

export interface DurablesOptions {
  store: SubscriptionStore;
  clock: Clock;
  limits: Pick<Limits, 'parkedMax'>;
  /** Whether what is held here may be given to its sessions, now. */
  mayDispatch: (topic: Topic) => boolean;
  /** Called before one of the topic is taken; what it returns once it is held. */
  taking: (topic: Topic) => () => void;
  /** One was not let go: the end of this node's lease will. */
  onUnreleased: (error: unknown) => void;
}

export class Durables {
  readonly #options: DurablesOptions;
  /** By id of the topic and name: all of a topic are asked for when it goes or falls back. */
  readonly #held = new Map<number, Map<string, Tracker>>();
  readonly #taking = new Map<string, Promise<Tracker>>();
  /** Being let go. */
  readonly #releases = new Set<Promise<void>>();

  constructor(options: DurablesOptions) {
    this.#options = options;
  }

  /** Undefined: nobody here has a session with it. */
  held(topicId: number, name: string): Tracker | undefined {
    return this.#held.get(topicId)?.get(name);
  }

  *all(): Iterable<Tracker> {
    for (const held of this.#held.values()) yield* held.values();
  }

  ofTopic(topic: Topic): Tracker[] {
    const held = this.#held.get(topic.id)?.values() ?? [];
    return [...held].filter((tracker) => tracker.topic === topic);
  }

  /**
   * Uses it: held, or taken from the store under a new term; made with `initial` when it is not there, or
   * rejects `subscription_not_found`.
   * It is kept at least until `use` has ended, which may find it ended by somebody else.
   */
  async with<T>(
    { topic, name }: { topic: Topic; name: string },
    initial: InitialSubscription | null,
    use: (tracker: Tracker) => Promise<T>,
  ): Promise<T> {
    const tracker = await this.#take(topic, name, initial);
    tracker.users++;
    try {
      return await use(tracker);
    } finally {
      tracker.users--;
      this.giveUp(tracker);
    }
  }

  #take(topic: Topic, name: string, initial: InitialSubscription | null): Promise<Tracker> {
    const key = keyOf(topic.id, name);
    const held = this.held(topic.id, name);
    const make = (): Promise<Tracker> => this.#take(topic, name, initial);
    if (held !== undefined) return Promise.resolve(held);
    const taking = this.#taking.get(key);
    if (taking !== undefined) return initial === null ? taking : this.#afterOther(taking, make);
    const isTaken = this.#options.taking(topic);
    const taken = this.#options.store
      .take(topic.id, name, initial)
      .then(({ record, deliveries }) => {
        const tracker = this.#makeTracker(topic, record, deliveries);
        this.#hold(tracker, name);
        isTaken();
        return tracker;
      })
      .finally(() => this.#taking.delete(key));
    this.#taking.set(key, taken);
    return taken;
  }

  /** Who takes it now may not want it made. */
  #afterOther(taking: Promise<Tracker>, make: () => Promise<Tracker>): Promise<Tracker> {
    return taking.catch((error: unknown) => {
      if (error instanceof RequestError && error.code === 'subscription_not_found') return make();
      throw error;
    });
  }

  /** Lets it go if nobody has it open and nothing of it is to be saved: the store has it all. */
  giveUp(tracker: Tracker): void {
    if (tracker.state === 'ended' || tracker.users > 0) return;
    if (tracker.subscriptions.size > 0 || tracker.saving > 0) return;
    if (!tracker.cursor.changes.isEmpty) return;
    this.end(tracker);
    if (tracker.durable !== null) this.#release({ ...tracker.durable, topicId: tracker.topic.id });
  }

  /** Nobody here has it, though this node is said to coordinate it: it is let go, unless that changes. */
  async disown(topic: Topic, name: string): Promise<void> {
    const record = await this.#options.store.find(topic.id, name);
    const isHere = this.held(topic.id, name) !== undefined;
    if (record === null || isHere || this.#taking.has(keyOf(topic.id, name))) return;
    await this.#options.store.release(record);
  }

  /** Resolves once all that are being let go are, or could not be. */
  async released(): Promise<void> {
    await Promise.all(this.#releases);
  }

  #release(held: HeldTerm): void {
    const release = this.#options.store
      .release(held)
      .catch(this.#options.onUnreleased)
      .finally(() => this.#releases.delete(release));
    this.#releases.add(release);
  }

  /** It is not this worker's any more. */
  end(tracker: Tracker): void {
    tracker.state = 'ended';
    const { topic, name } = tracker;
    const held = this.#held.get(topic.id);
    if (name === null || held?.get(name) !== tracker) return;
    held.delete(name);
    if (held.size === 0) this.#held.delete(topic.id);
  }

  #hold(tracker: Tracker, name: string): void {
    const { id } = tracker.topic;
    const held = this.#held.get(id) ?? new Map<string, Tracker>();
    this.#held.set(id, held.set(name, tracker));
  }

  /** A dead letter that was redriven: null when nobody has its subscription open, or it is known. */
  async redriven(record: DeadLetterRecord): Promise<Tracker | null> {
    // One that is being taken may have read its deliveries before.
    await this.#taking.get(keyOf(record.topicId, record.subscription ?? ''))?.catch(() => null);
    const tracker = this.held(record.topicId, record.subscription ?? '');
    return tracker !== undefined && addRedriven(tracker, record.row.sequence) ? tracker : null;
  }

  #makeTracker(
    topic: Topic,
    record: SubscriptionRecord,
    deliveries: readonly DeliveryRecord[],
  ): Tracker {
    const { clock, limits, mayDispatch } = this.#options;
    const { id, name, term, createdAtMs, settings, ackFloor, settled, delivered } = record;
    const tracker = new TrackerOf({
      topic,
      durable: { id, name, term, createdAtMs },
      rule: settings,
      ordering: settings.ordering,
      parkedMax: limits.parkedMax,
      random: clock.random,
      ackFloor,
      settled,
      delivered,
      mayDispatch,
    });
    if (record.paused) tracker.state = 'paused';
    const toMonotonic = clock.monotonic() - clock.now();
    for (const delivery of deliveries) {
      const entry = newEntry(delivery.sequence);
      entry.attempts = delivery.attempts;
      entry.dueAtMs = delivery.dueAtMs + toMonotonic;
      if (delivery.firstFailedAtMs > 0) {
        entry.firstFailedAtMs = delivery.firstFailedAtMs + toMonotonic;
      }
      entry.lastError = delivery.lastError;
      entry.redriven = delivery.redriven;
      entry.stored = true;
      entry.state = 'waiting';
      tracker.cursor.restore(entry);
    }
    return tracker;
  }
}

/** False: it is known already. */
export function addRedriven(tracker: Tracker, sequence: number): boolean {
  const entry = newEntry(sequence);
  entry.redriven = true;
  entry.stored = true;
  return tracker.cursor.restore(entry);
}

function keyOf(topicId: number, name: string): string {
  return `${topicId}/${name}`;
}
