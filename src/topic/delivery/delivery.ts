/**
 * What brings messages to sessions: who is fed how, what comes again and when, and what of it is stored.
 * Its pieces know each other by what they need; whoever is outside this folder knows only the verbs here.
 */
import type { Clock } from '../../core/clock.js';
import type { DeadLetterRecord } from '../../core/dead-letter-record.js';
import { ofTopic } from '../../core/happening.js';
import type { Limits } from '../../core/limits.js';
import type { LogRow } from '../../core/message.js';
import { rangesOf } from '../../core/sequence-ranges.js';
import type { LogPage, ReadRange } from '../../log/contract/message-log.js';
import type {
  InitialSubscription,
  SubscriptionStore,
} from '../../log/contract/subscription-store.js';
import type { Histogram } from '../../observe/histogram.js';
import type { AckOp, VerdictOp } from '../../thread/ops/acknowledge.js';
import type { DrainedOp, LeftOp } from '../../thread/ops/deliver.js';
import type { Gap } from '../../thread/ops/gap.js';
import type { GivenOp, ProbedOp } from '../../thread/ops/give.js';
import type { AttachedSession } from '../../thread/ops/subscribe-options.js';
import type { WantOp } from '../../thread/ops/want.js';
import { ALWAYS, type DispatchRights } from '../log/dispatch-rights.js';
import { PageReads } from '../log/page-reads.js';
import { savesOf, type TrackerSaves } from '../log/placed-saves.js';
import { RedrivenCheck, redrivenRows } from '../log/redriven-check.js';
import type { SavesOptions, Unsaved } from '../log/saves.js';
import { addRedriven, Durables } from '../state/durables.js';
import type { Outlet } from '../state/outlet.js';
import type { Subscription, Topic, Tracker } from '../state/subscription.js';
import type { Topics } from '../state/topics.js';
import type { SessionEntry } from '../state/worker-sessions.js';
import { Attachments } from './attachments.js';
import { CommitGate, type OtherNodes } from './commit-gate.js';
import { Deadlines } from './deadlines.js';
import { Feeder } from './feeder.js';
import { Giver } from './giver.js';
import { tellMissing } from './notices.js';
import { type HandedVerdict, Verdicts } from './verdicts.js';

export interface DeliveryOptions {
  clock: Clock;
  limits: Limits;
  topics: Topics;
  store: SubscriptionStore;
  /** Pages of the log for those who catch up. */
  read: (range: ReadRange) => Promise<LogPage>;
  /** The same for what others wrote a moment ago. */
  readNewest: (range: ReadRange) => Promise<LogPage>;
  /** Null: they tell nothing of what they commit. */
  others: OtherNodes | null;
  /** The first subscription of the topic came, or its last one went. */
  audience?: (topic: Topic) => void;
  /** Another node or worker has taken a durable subscription over, or it was deleted. */
  onLost: (tracker: Tracker) => void;
  /** Nobody answers for that session any more: the subscription is to end. */
  onSilent: (subscription: Subscription) => void;
  /** Whether what this node coordinates may be handed out now; absent: always. */
  rights?: DispatchRights;
  /** The place of a topic's database, where there are several. */
  placeOf?: (topicId: number) => number;
  /** Sessions of other nodes alone have it open: it is to be let go. Absent: there are none. */
  onGuestsOnly?: (tracker: Tracker) => void;
  /** Something failed that is tried again. */
  onTrouble: (what: string, error: unknown) => void;
}

/** At the end of a node, for what it coordinated to be let go; else others wait for the end of its lease. */
const RELEASE_MS = 1_000;
/** A PROBE may wait for a socket that is full, and for an acceptor that has much to do. */
const PROBE_SPARE_MS = 20_000;

export class Delivery {
  readonly #topics: Topics;
  readonly #audience: (topic: Topic) => void;
  readonly #reads: readonly PageReads[];
  readonly #feeder: Feeder;
  readonly #commits: CommitGate;
  readonly #giver: Giver;
  readonly #deadlines: Deadlines;
  readonly #durables: Durables;
  readonly #saves: TrackerSaves;
  readonly #attachments: Attachments;
  readonly #verdicts: Verdicts;
  readonly #redrivenCheck: RedrivenCheck;

  constructor(options: DeliveryOptions) {
    const { clock, limits, topics, store, others, onLost, onSilent, onTrouble } = options;
    const { rights = ALWAYS, onGuestsOnly = () => undefined } = options;
    const { mayDispatch, taking } = rights;
    const reads = new PageReads({ read: options.read, clock });
    const repairs = new PageReads({ read: options.readNewest, clock });
    const feeder = new Feeder({
      ...{ reads, clock, mayDispatch },
      onReadFailed: (topic, error) => onTrouble(`catch-up of ${topic.name}`, error),
      onShared: (tracker) => this.#giver.give(tracker),
    });
    const giver = new Giver({
      ...{ feeder, clock, reads },
      redrivenRows: (tracker, sequences) => redrivenRows(store, tracker, sequences),
      onReadFailed: ({ topic }, error) => onTrouble(`redelivery of ${topic.name}`, error),
      onGiven: (tracker) => {
        this.#deadlines.schedule(tracker);
        this.#saves.changed(tracker);
      },
    });
    const deadlines = new Deadlines({
      ...{ clock, onSilent, probeMsMax: limits.writeDeadlineMs + PROBE_SPARE_MS },
      onWoken: (tracker) => {
        this.#saves.changed(tracker);
        giver.give(tracker);
      },
    });
    const onUnreleased = (error: unknown): void => onTrouble('letting go of subscriptions', error);
    const durables = new Durables({ store, clock, limits, mayDispatch, taking, onUnreleased });
    const { placeOf = null } = options;
    const ofSaves: SavesOptions = {
      ...{ store, clock, onLost },
      onMissing: (tracker, sequences) => this.#missing(tracker, sequences),
      onGivenUp: ({ topic, name }, count) =>
        topics.happened({ ...ofTopic('dead_letter', topic.key), name, count }),
      onStored: (tracker) => durables.giveUp(tracker),
      onFailed: (error) => onTrouble('saving cursors', error),
    };
    const saves = savesOf(ofSaves, placeOf);
    this.#topics = topics;
    this.#audience = options.audience ?? (() => undefined);
    this.#reads = [reads, repairs];
    this.#feeder = feeder;
    this.#commits = new CommitGate({
      ...{ feeder, reads: repairs, others },
      onRepairFailed: (topic, error) => onTrouble(`gap of ${topic.name}`, error),
    });
    this.#giver = giver;
    this.#deadlines = deadlines;
    this.#durables = durables;
    this.#saves = saves;
    this.#attachments = new Attachments({
      ...{ feeder, giver, deadlines, saves, durables, clock, rights, onGuestsOnly },
    });
    this.#verdicts = new Verdicts({ topics, feeder, giver, deadlines, saves, clock });
    this.#redrivenCheck = new RedrivenCheck({
      clock,
      held: (place) => {
        if (placeOf === null || place === undefined) return durables.all();
        return [...durables.all()].filter(({ topic }) => placeOf(topic.id) === place);
      },
      read: (after, place) => store.redriven(after, place),
      onAdded: (tracker) => giver.give(tracker),
    });
  }

  /** Stores what has changed; then nothing is given, read or looked at any more. */
  async stop(shutdownMs: number): Promise<Unsaved> {
    this.#deadlines.stop();
    for (const reads of this.#reads) reads.stop();
    const unsaved = await this.#saves.close(shutdownMs);
    const timeout = new Promise<void>((resolve) => setTimeout(resolve, RELEASE_MS).unref());
    await Promise.race([this.#durables.released(), timeout]);
    return unsaved;
  }

  /** Seconds from commit to hand-over, of those who are caught up. */
  get latency(): Histogram {
    return this.#feeder.latency;
  }

  /** What subscribers said, and was taken. */
  get verdicts(): Verdicts['counts'] {
    return this.#verdicts.counts;
  }

  // ---- what was committed ----

  /** Consecutive committed rows of one topic, from any source, in any order of calls. */
  accept(topic: Topic, rows: readonly LogRow[]): void {
    this.#commits.accept(topic, rows);
  }

  /** The same as another node tells it. */
  told(topic: Topic, rows: readonly LogRow[]): void {
    this.#commits.told(topic, rows);
  }

  /** The log's head was read as `lastSequence`: what fan-out has not seen by then is read. */
  headSeen(topic: Topic, lastSequence: number): void {
    this.#commits.headSeen(topic, lastSequence);
  }

  // ---- what an acceptor says of what it was handed ----

  ack(outlet: Outlet, op: AckOp): void {
    this.#verdicts.ack(outlet, op);
  }

  verdict(outlet: Outlet, op: VerdictOp): void {
    this.#verdicts.take(outlet, op);
  }

  /** See Verdicts.takeHanded. */
  takeHanded(tracker: Tracker, verdicts: readonly HandedVerdict[]): number[] {
    return this.#verdicts.takeHanded(tracker, verdicts);
  }

  given(outlet: Outlet, op: GivenOp): void {
    const subscription = this.#find(outlet, op);
    if (subscription !== undefined) this.#giver.given(subscription, op.taken);
  }

  wanted(outlet: Outlet, op: WantOp): void {
    const subscription = this.#find(outlet, op);
    if (subscription !== undefined) this.#giver.wanted(subscription, op.messages);
  }

  probed(outlet: Outlet, op: ProbedOp): void {
    const subscription = this.#find(outlet, op);
    if (subscription !== undefined)
      this.#deadlines.probed(subscription, op.wasEmpty ? 'empty' : 'filled');
  }

  drained(outlet: Outlet, op: DrainedOp): void {
    const subscription = this.#find(outlet, op);
    if (subscription === undefined) return;
    this.#feeder.drained(subscription);
    if (subscription.tracker !== null) this.#giver.later(subscription.tracker);
  }

  left(outlet: Outlet, op: LeftOp): void {
    const subscription = this.#find(outlet, op);
    if (subscription === undefined) return;
    this.#feeder.left(subscription, op);
    if (subscription.tracker !== null) this.#giver.later(subscription.tracker);
  }

  /** So many bytes reached their sockets. */
  credited(outlet: Outlet, bytes: number): void {
    if (outlet.creditReturned(bytes)) this.#feeder.creditReturned(outlet);
  }

  /** All that came together was handled. */
  endTurn(): void {
    this.#giver.endTurn();
  }

  /** Messages may be handed to it again. */
  hasCredit(outlet: Outlet): void {
    this.#feeder.creditReturned(outlet);
  }

  /** The acceptor is gone; its subscriptions were closed. */
  outletClosed(outlet: Outlet): void {
    this.#feeder.outletClosed(outlet);
  }

  // ---- sessions come and go ----

  /** A new subscription of a session; `entry` has it already. `before`: see Attachments.attach. */
  open(
    subscription: Subscription,
    entry: SessionEntry,
    before: AttachedSession | null = null,
  ): void {
    const { topic } = subscription;
    if (topic.subscriptions.size === 1) this.#audience(topic);
    this.#attachments.attach(subscription, entry, before);
  }

  /** Ends a subscription's part in everything; the caller tells whoever must be told. */
  close(subscription: Subscription, end: 'clean' | 'abrupt'): void {
    this.#attachments.detach(subscription, end);
    const { topic } = subscription;
    if (topic.subscriptions.size === 0) this.#audience(topic);
  }

  /**
   * Another incarnation of the log goes on after `upTo`: what was sent above it is no more. All are told;
   * `gap` null: nobody misses anything.
   */
  fallBack(topic: Topic, upTo: number, gap: Gap | null): void {
    this.#attachments.fallBack(topic, upTo, gap);
  }

  /** Nothing more of them is stored: they are gone, or of another log. */
  giveUp(topics: ReadonlySet<Topic>): void {
    this.#saves.giveUp(topics);
  }

  // ---- durable subscriptions ----

  /** What was held back while the lease was in doubt goes on. */
  goOn(): void {
    for (const tracker of this.#durables.all()) this.#attachments.goOn(tracker);
  }

  /** See Durables.disown. */
  disown(topic: Topic, name: string): Promise<void> {
    return this.#durables.disown(topic, name);
  }

  /** Undefined: nobody here has a session with it. */
  held(topicId: number, name: string): Tracker | undefined {
    return this.#durables.held(topicId, name);
  }

  heldOf(topic: Topic): Tracker[] {
    return this.#durables.ofTopic(topic);
  }

  allHeld(): Iterable<Tracker> {
    return this.#durables.all();
  }

  /** See Durables.with. */
  use<T>(
    which: { topic: Topic; name: string },
    initial: InitialSubscription | null,
    use: (tracker: Tracker) => Promise<T>,
  ): Promise<T> {
    return this.#durables.with(which, initial, use);
  }

  /** It is not this worker's any more; the caller closes its subscriptions. */
  lose(tracker: Tracker): void {
    this.#durables.end(tracker);
  }

  pause(tracker: Tracker): void {
    this.#attachments.pause(tracker);
  }

  resume(tracker: Tracker): void {
    this.#attachments.resume(tracker);
  }

  /** Goes on after `sequence` with nothing in flight. */
  seek(tracker: Tracker, sequence: number): void {
    this.#attachments.seek(tracker, sequence);
  }

  /** Something of it is to be saved. */
  changed(tracker: Tracker): void {
    this.#saves.changed(tracker);
  }

  /** Resolves once everything that had changed by now is stored, or was refused. */
  saved(): Promise<void> {
    return this.#saves.flush();
  }

  // ---- dead letters that were given back ----

  /** To a durable subscription, which may not be open here. */
  async redriven(record: DeadLetterRecord): Promise<void> {
    const tracker = await this.#durables.redriven(record);
    if (tracker !== null) this.#giver.give(tracker);
  }

  /** To a subscription that ends with its session. */
  giveAgain(tracker: Tracker, sequence: number): void {
    if (addRedriven(tracker, sequence)) this.#giver.give(tracker);
  }

  /** Takes in what other nodes gave back to those that are held here. */
  checkRedriven(place?: number): Promise<void> {
    return this.#redrivenCheck.check(place);
  }

  #find(outlet: Outlet, op: { subscription: number; topicNo: number }): Subscription | undefined {
    return this.#topics.byNo(op.topicNo)?.subscriptionOf(outlet, op.subscription);
  }

  /** The sessions there are told what they will not get; with nobody there the next one is. */
  #missing(tracker: Tracker, sequences: readonly number[]): void {
    const { subscriptions, cursor, durable } = tracker;
    if (subscriptions.size === 0) {
      // It may be joined before it is given up: what the store has of it is owed by what is held, too.
      if (durable !== null) for (const sequence of sequences) addRedriven(tracker, sequence);
      return;
    }
    for (const [from, to] of rangesOf(sequences)) {
      const gap = { from, to, reason: 'retention' as const };
      for (const one of subscriptions) tellMissing(one, gap);
    }
    if (durable === null) return;
    // What is owed in their place goes with the next save.
    cursor.changes.settled.push(...sequences);
    this.#saves.changed(tracker);
  }
}
