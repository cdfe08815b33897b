/**
 * The message log on PostgreSQL: puts appender, stores, release and upkeep together over its sessions,
 * and turns PostgreSQL's errors into what callers know. One per topic worker: one session for
 * appends, one to listen, a small pool for everything else; release and upkeep open their own.
 */

import type { DeferredRecord } from '../../core/deferred-record.js';
import { RequestError } from '../../core/errors.js';
import type { DatabaseState, LogState, LogTotals, LogVitals } from '../../core/log-figures.js';
import { type Tenant, type TopicKey, tenantOf, type Within } from '../../core/topic-key.js';
import type { Retention, TopicMoved, TopicRecord } from '../../core/topic-record.js';
import type { AppendFigures } from '../contract/append-figures.js';
import type { HeadMoves } from '../contract/head-moves.js';
import { faultOf, messageOf } from '../contract/log-errors.js';
import { LOG_REFUSALS, LOG_UNREACHABLE, refusalError } from '../contract/log-refusal.js';
import type {
  DeferOutcome,
  DeferRequest,
  FoundTopics,
  KnownHead,
  LogPage,
  MessageLog,
  PendingAppend,
  ReadRange,
} from '../contract/message-log.js';
import type { PlacedTopics } from '../contract/placed-topics.js';
import { OtherLog, type SubscriptionStore } from '../contract/subscription-store.js';
import { movedNowhere } from '../contract/topic-mover.js';
import type { AppendParts } from './append/append-parts.js';
import { buildAppends } from './append/append-parts.js';
import type { AppendSession } from './append/append-session.js';
import { openAppendSession } from './append/append-session.js';
import { connectFirst } from './append/first-connection.js';
import { askedPlaced } from './asked-placed.js';
import { AskedSubscriptions } from './asked-subscriptions.js';
import type { PostgresLogOptions } from './postgres-log-options.js';
import { WORKER_CONNECTIONS } from './session/connection-budget.js';
import { assertPlace } from './session/database-place.js';
import { standingOn } from './session/incarnation-check.js';
import type { KeptSession } from './session/kept-connection.js';
import type { KeptPool } from './session/kept-pool.js';
import { LISTEN_ANSWER_MS, Listener } from './session/listener.js';
import type { ConnectionOptions } from './session/log-connection.js';
import { isWritable, openConnection, openPool } from './session/log-connection.js';
import { LogIncarnation } from './session/log-incarnation.js';
import type { Queryable } from './session/queryable.js';
import { readHeadMoves } from './store/head-moves.js';
import { MessageStore } from './store/message-store.js';
import { OUTBOX_CHANNEL, OutboxStore } from './store/outbox-store.js';
import { type OnRefused, PostgresSubscriptions } from './store/postgres-subscriptions.js';
import { readHeads, TOPICS_CHANNEL, TopicStore } from './store/topic-store.js';
import { KeptRelease } from './upkeep/kept-release.js';
import { LogCondition } from './upkeep/log-condition.js';

import { UPKEEP_ANSWER_MS, Upkeep } from './upkeep/upkeep.js';

export class PostgresLog<A extends PendingAppend> implements MessageLog<A> {
  readonly mode = 'postgres';
  readonly subscriptions: SubscriptionStore;
  /** Of several databases. */
  readonly placed: PlacedTopics;
  readonly #options: PostgresLogOptions<A>;
  readonly #pool: KeptPool;
  readonly #topics: TopicStore;
  readonly #messages: MessageStore;
  readonly #outbox: OutboxStore;
  readonly #appends: AppendParts<A>;
  readonly #release: KeptRelease;
  readonly #upkeep: Upkeep;
  readonly #incarnation: LogIncarnation;
  readonly #condition: LogCondition;
  readonly #listener: Listener;
  #isWritable = true;

  constructor(options: PostgresLogOptions<A>) {
    this.#options = options;
    const { limits, clock, sink } = options;
    const onTrouble = this.#onTrouble;
    this.#pool = openPool(this.#session('query'), WORKER_CONNECTIONS.query);
    const elsewhere = options.place === undefined ? 'refused' : 'told';
    this.#topics = new TopicStore({ db: this.#pool, limits, elsewhere });
    this.placed = askedPlaced(this.#pool, this.#topics, (query) => this.#ask(query));
    this.#messages = new MessageStore(this.#pool);
    this.#outbox = new OutboxStore(this.#pool);
    const onRefused: OnRefused = (rows, error) =>
      onTrouble(`the database refused texts of a save; ${rows} rows were stored without`, error);
    const subscriptions = new PostgresSubscriptions(this.#pool, onRefused, {
      limits,
      own: options.coordinator ?? null,
      topics: options.place === undefined ? 'stay' : 'move',
    });
    this.subscriptions = new AskedSubscriptions(subscriptions, (query) => this.#ask(query));
    this.#appends = buildAppends<A>({
      openMain: (onLost) => this.#openMain(onLost),
      openWaiting: (onLost) => this.#openAppend('wait', onLost),
      incarnation: () => this.#incarnation.name,
      db: this.#pool,
      limits,
      clock,
      sink,
      onOpen: () => {
        if (this.#isWritable) this.#condition.opened();
        else this.#condition.readOnly('the database is read-only');
      },
      onDown: (detail) => this.#condition.down(detail),
      onReadOnly: (detail) => this.#condition.readOnly(detail),
      onLocked: (detail) => this.#condition.locked(detail),
      onTrouble,
    });
    this.#condition = new LogCondition({
      isWritable: () => this.#isWritableAgain(),
      db: this.#pool,
      refuse: (refusal) => this.#appends.writer.refuse(refusal),
      onChanged: (state, detail) => sink.stateChanged(state, detail),
      onTrouble,
    });
    this.#release = this.#makeRelease();
    this.#upkeep = new Upkeep({
      connect: () => openConnection({ ...this.#session('upkeep'), answerMs: UPKEEP_ANSWER_MS }),
      clock,
      limits,
      keepsUp: options.keepsUp,
      db: this.#pool,
      onSnapshot: options.onSnapshot ?? null,
      onTrouble: (error) => onTrouble('upkeep', error),
    });
    this.#incarnation = new LogIncarnation({
      db: this.#pool,
      clock,
      isOpen: () => this.state === 'open',
      onChanged: () => sink.epochChanged(),
      onTrouble,
    });
    this.#listener = this.#makeListener();
  }

  #makeListener(): Listener {
    const { clock, sink } = this.#options;
    const session = { ...this.#session('listen'), answerMs: LISTEN_ANSWER_MS };
    return new Listener({
      open: (onLost) => openConnection(session, onLost),
      channels: [OUTBOX_CHANNEL, TOPICS_CHANNEL],
      clock,
      onNotification: (channel, payload) => {
        if (channel === OUTBOX_CHANNEL) this.#release.wake();
        else sink.headsMoved(payload === undefined ? null : [Number(payload)]);
      },
      onListening: (how) => {
        this.#release.wake();
        if (how === 'again') sink.headsMoved(null);
      },
      onDown: (detail) => this.#onAway('the session that listens is away', detail),
    });
  }

  #makeRelease(): KeptRelease {
    const { clock, limits, sink, owns, isHere } = this.#options;
    return new KeptRelease({
      open: (onLost) => this.#openRelease(onLost),
      clock,
      incarnation: () => this.#incarnation.name,
      dedupeWindowMs: limits.dedupeWindowMs,
      owns,
      isHere,
      onReleased: (release) => sink.released(release),
      onOutcomeUnknown: (topicId) => sink.headsMoved([topicId]),
      onDropped: ({ topicId, key }, rows, why) => {
        const whose = key === null ? '' : `, of tenant ${tenantOf(key)}`;
        const what = `the outbox dropped ${rows} rows of topic ${topicId}`;
        this.#onTrouble(what, new Error(`${why}${whose}`));
      },
      onAway: (detail) => this.#onAway('the session of the release is away', detail),
      onTrouble: (error) => this.#onTrouble('releasing the outbox', error),
    });
  }

  /** `isHere` and `keepsUp` may say otherwise than before. */
  workMoved(): void {
    this.#release.moved();
    this.#upkeep.moved();
  }

  get state(): LogState {
    return this.#condition.state;
  }

  get databases(): DatabaseState[] {
    const use = { ...this.#appends.figures.use, ...this.#pool.use };
    return [{ state: this.state, vitals: this.vitals, use }];
  }

  placeOf(): number {
    return this.#options.place ?? 0;
  }

  get appends(): AppendFigures {
    return this.#appends.figures;
  }

  get vitals(): LogVitals {
    return {
      ...this.#release.vitals,
      upkeepMs: this.#upkeep.sinceMs,
      snapshot: this.#upkeep.snapshot,
      listening: this.#listener.state,
    };
  }

  async open(): Promise<void> {
    const { databaseUrl, place = null } = this.#options;
    const check = (): Promise<void> => assertPlace(this.#pool, place);
    await connectFirst(this.#appends.connection, databaseUrl, check);
    // Its session ends before the pool's first is opened: a start needs two at a time.
    await this.#upkeep.start();
    await this.#incarnation.start();
    // What begins after the close would never end.
    if (this.state === 'closed') throw new Error('the log was closed while it was opened');
    this.#release.start();
    if (this.#options.notify) this.#listener.start();
  }

  async close(): Promise<void> {
    if (this.state === 'closed') return;
    this.#condition.close();
    this.#incarnation.stop();
    await this.#appends.writer.close();
    // Together: each gives what is under way a moment, and beside a silent database their sum would pass.
    const others = [this.#listener.close(), this.#release.close(), this.#upkeep.stop()];
    await Promise.all([...others, this.#pool.end()]);
  }

  epochOf(topicId: number): string {
    return this.#incarnation.epochOf(topicId);
  }

  commonUpTo(positions: readonly { topicId: number; epoch: string }[]): Promise<(number | null)[]> {
    return this.#here((session) => this.#incarnation.commonUpTo(session, positions));
  }

  append(append: A): void {
    this.#appends.writer.append(append);
  }

  flush(): void {
    this.#appends.writer.flush();
  }

  findTopic(key: TopicKey): Promise<TopicRecord | null> {
    return this.#ask(() => this.#topics.find(key));
  }

  findTopics(keys: readonly TopicKey[]): Promise<FoundTopics> {
    return this.#ask(() => this.#topics.findAll(keys));
  }

  createTopic(
    key: TopicKey,
    retention: Retention | null,
  ): Promise<{ topic: TopicRecord; created: boolean }> {
    return this.#ask(() => this.#topics.create(key, retention));
  }

  listTopics(
    tenant: Tenant,
    page: { after: string; prefix: string; limit: number },
  ): Promise<TopicRecord[]> {
    return this.#ask(() => this.#topics.list(tenant, page));
  }

  patchTopic(key: TopicKey, retention: Retention): Promise<TopicRecord | null> {
    return this.#ask(() => this.#topics.patch(key, retention));
  }

  deleteTopic(key: TopicKey): Promise<TopicRecord | null> {
    return this.#ask(() => this.#topics.delete(key));
  }

  async moveTopic(key: TopicKey, to: number): Promise<TopicMoved> {
    return movedNowhere(to, await this.findTopic(key));
  }

  heads(topicIds: readonly number[]): Promise<Map<number, TopicRecord>> {
    return this.#ask(() => this.#topics.heads(topicIds));
  }

  headMoves(since: HeadMoves | null): Promise<HeadMoves> {
    return this.#ask(() => readHeadMoves(this.#pool, since));
  }

  movedHeads(known: readonly KnownHead[]): Promise<readonly number[]> {
    return this.#ask(() => this.#topics.movedHeads(known));
  }

  headsHere(topicIds: readonly number[]): Promise<Map<number, TopicRecord>> {
    return this.#here((session) => readHeads(session, topicIds));
  }

  read(range: ReadRange): Promise<LogPage> {
    return this.#ask(() => this.#messages.read(range));
  }

  sequenceAt(topicId: number, timeMs: number): Promise<number> {
    return this.#ask(() => this.#messages.sequenceAt(topicId, timeMs));
  }

  defer(request: DeferRequest): Promise<DeferOutcome> {
    return this.#ask(() => this.#outbox.defer(request));
  }

  listDeferred(within: Within, page: { after: number; limit: number }): Promise<DeferredRecord[]> {
    return this.#ask(() => this.#outbox.list(within, page));
  }

  cancelDeferred(tenant: Tenant, id: number): Promise<'cancelled' | 'released' | 'unknown'> {
    return this.#ask(() => this.#outbox.cancel(tenant, id));
  }

  totals(tenant: Tenant): Promise<LogTotals> {
    return this.#ask(() => this.#messages.totals(tenant));
  }

  readonly #onTrouble = (what: string, error: unknown): void => {
    const fault = faultOf(error);
    if (fault === 'full') this.#condition.full(messageOf(error));
    if (fault === 'schema' || fault === 'denied') this.#condition.examine();
    this.#options.onTrouble(what, error);
  };

  /** Of one session; while the whole log is away that is told once. */
  #onAway(what: string, detail: string): void {
    if (this.state === 'open') this.#onTrouble(what, new Error(detail));
  }

  #session(purpose: string): ConnectionOptions {
    const { databaseUrl, applicationName } = this.#options;
    return { databaseUrl, applicationName: `${applicationName}/${purpose}` };
  }

  async #openMain(onLost: (error: Error) => void): Promise<AppendSession> {
    const session = await this.#openAppend('append', onLost);
    this.#isWritable = session.writable;
    return session;
  }

  async #openAppend(purpose: string, onLost: (error: Error) => void): Promise<AppendSession> {
    const session = await openAppendSession(
      this.#session(purpose),
      (client) => this.#incarnation.enter(client),
      onLost,
    );
    this.#incarnation.becomes(session.incarnation);
    return session;
  }

  /** It appends, too: what it appends to must have been entered before. */
  async #openRelease(onLost: (error: Error) => void): Promise<KeptSession> {
    const client = await openConnection(this.#session('release'), onLost);
    try {
      this.#incarnation.becomes((await this.#incarnation.enter(client)).incarnation);
    } catch (error) {
      client.destroy();
      throw error;
    }
    return { client };
  }

  async #isWritableAgain(): Promise<boolean> {
    if (!(await isWritable(this.#pool))) return false;
    await this.#incarnation.promoted();
    return true;
  }

  #here<T>(query: (session: Queryable) => Promise<T>): Promise<T> {
    return this.#ask(() => standingOn(this.#pool, this.#incarnation.name, query));
  }

  /** Runs a store's query; what PostgreSQL says against it is logged, and the caller told the kind. */
  async #ask<T>(query: () => Promise<T>): Promise<T> {
    // Of several the others go on meanwhile: nobody waits for this one.
    const isAway = this.state === 'lost' || this.state === 'connecting';
    if (this.#options.place !== undefined && isAway) throw refusalError(LOG_UNREACHABLE, null);
    try {
      return await query();
    } catch (error) {
      if (error instanceof OtherLog) this.#incarnation.look();
      if (error instanceof RequestError) throw error;
      const fault = faultOf(error);
      if (fault === 'bug') throw error;
      this.#onTrouble('query', error);
      throw refusalError(LOG_REFUSALS[fault], error);
    }
  }
}
