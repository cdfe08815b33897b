/**
 * Several databases as one log: the same contract, each topic in one of them. A worker's alone. One that is
 * away at the start is opened once it is there, so that whatever goes wrong with it is of its own topics.
 */
import type { DeferredRecord } from '../../core/deferred-record.js';
import { RequestError } from '../../core/errors.js';
import { HashRing } from '../../core/hash-ring.js';
import type { DatabaseState, LogState, LogTotals, LogVitals } from '../../core/log-figures.js';
import type { Tenant, TopicKey, Within } from '../../core/topic-key.js';
import type { Retention, TopicMoved, TopicRecord } from '../../core/topic-record.js';
import { AppendFigures } from '../contract/append-figures.js';
import { type HeadMoves, UNCOUNTED } from '../contract/head-moves.js';
import { LogConfigurationError } from '../contract/log-configuration-error.js';
import type {
  DeferOutcome,
  DeferRequest,
  FoundTopics,
  KnownHead,
  LogPage,
  LogSink,
  MessageLog,
  PendingAppend,
  ReadRange,
} from '../contract/message-log.js';
import type { PlacedTopics } from '../contract/placed-topics.js';
import { noDatabase, onTheMove, type TopicMover } from '../contract/topic-mover.js';
import { byPlace, firstOf } from './merged.js';
import { withoutPlace } from './places.js';
import { SeveralSubscriptions } from './several-subscriptions.js';
import { SeveralTopics } from './several-topics.js';
import { TopicMoves } from './topic-moves.js';
import { worstOf } from './worst-vitals.js';

/** A log of one of them. Its `open` may be called again where it rejected. */
export interface DatabaseLog<A extends PendingAppend> extends MessageLog<A> {
  readonly placed: PlacedTopics;
}

export interface SeveralLogsOptions<A extends PendingAppend> {
  /** How many, 2 or more. */
  databases: number;
  /** Makes the one of that place around its sink. */
  make: (place: number, sink: LogSink<A>) => DatabaseLog<A>;
  sink: LogSink<A>;
  /** One could not be opened; it is tried again. */
  onTrouble: (place: number, error: unknown) => void;
  mover: TopicMover;
  /** Ends what others left of moves. One worker of a node does. */
  endsMoves: boolean;
  onMoveTrouble: (error: unknown) => void;
}

const REOPEN_MS = 1_000;
/** For the others, once one is open. */
const OPEN_WAIT_MS = 3_000;
/** A topic that is deleted at the same moment makes another turn. */
const CREATE_TURNS = 5;

export class SeveralLogs<A extends PendingAppend> implements MessageLog<A> {
  readonly mode = 'postgres';
  readonly subscriptions: SeveralSubscriptions;
  readonly #options: SeveralLogsOptions<A>;
  readonly #logs: readonly DatabaseLog<A>[];
  readonly #topics: SeveralTopics;
  readonly #ring: HashRing;
  readonly #moves: TopicMoves;
  readonly #reopens = new Set<NodeJS.Timeout>();
  #state: 'open' | 'closed' = 'open';
  /** Of those that are made elsewhere than in the first, one at a time: it holds a session of the first. */
  #making: Promise<unknown> = Promise.resolve();

  constructor(options: SeveralLogsOptions<A>) {
    this.#options = options;
    const { databases, make, sink } = options;
    const places = Array.from({ length: databases }, (_, place) => place);
    this.#logs = places.map((place) => make(place, this.#sinkOf(sink, place)));
    this.#topics = new SeveralTopics(this.#logs, 'all');
    const stores = this.#logs.map(({ subscriptions }) => subscriptions);
    this.subscriptions = new SeveralSubscriptions(stores, this.#topics);
    this.#ring = new HashRing(places.map(memberOf));
    this.#topics.places.onMoved = (place) => sink.epochChanged(place);
    this.#moves = new TopicMoves({
      mover: options.mover,
      databases: this.#logs,
      learn: (topicId, place) => this.#topics.places.learn(topicId, place),
      onTrouble: options.onMoveTrouble,
    });
  }

  get state(): LogState {
    const states = this.#logs.map(({ state }) => state);
    return states.find((state) => state === 'open') ?? states[0] ?? 'closed';
  }

  get databases(): DatabaseState[] {
    return this.#logs.flatMap(({ databases }) => databases);
  }

  get vitals(): LogVitals | null {
    return worstOf(this.#logs.flatMap(({ vitals }) => vitals ?? []));
  }

  get appends(): AppendFigures {
    return AppendFigures.sum(this.#logs.flatMap(({ appends }) => appends ?? []));
  }

  placeOf(topicId: number): number {
    return this.#topics.places.known(topicId);
  }

  /** Rejects where none of them can be opened, or one that is there is not that one. */
  async open(): Promise<void> {
    const opening = this.#logs.map(async (log, place) => {
      try {
        await log.open();
      } catch (error) {
        if (error instanceof LogConfigurationError) this.#options.onTrouble(place, error);
        this.#openLater(place);
        throw error;
      }
    });
    const all = Promise.allSettled(opening);
    try {
      await Promise.any(opening);
    } catch (error) {
      this.#endReopens();
      throw error instanceof AggregateError ? error.errors[0] : error;
    }
    await Promise.race([all, new Promise((resolve) => setTimeout(resolve, OPEN_WAIT_MS).unref())]);
    // What begins after the close would never end.
    if (this.#state !== 'closed' && this.#options.endsMoves) this.#moves.start();
  }

  async close(): Promise<void> {
    this.#state = 'closed';
    this.#endReopens();
    this.#moves.stop();
    await Promise.all(this.#logs.map((log) => log.close()));
  }

  epochOf(topicId: number): string {
    return this.#of(topicId).epochOf(topicId);
  }

  async commonUpTo(
    positions: readonly { topicId: number; epoch: string }[],
  ): Promise<(number | null)[]> {
    const numbered = positions.map((position, n) => ({ position, n }));
    const common: (number | null)[] = positions.map(() => null);
    const groups = byPlace(numbered, ({ position }) => this.placeOf(position.topicId));
    await Promise.all(
      [...groups].map(async ([place, group]) => {
        const found = await this.#log(place).commonUpTo(group.map(({ position }) => position));
        group.forEach(({ n }, at) => {
          common[n] = found[at] ?? null;
        });
      }),
    );
    return common;
  }

  findTopic(key: TopicKey): Promise<TopicRecord | null> {
    return this.#topics.findTopic(key);
  }

  findTopics(keys: readonly TopicKey[]): Promise<FoundTopics> {
    return this.#topics.findTopics(keys);
  }

  async createTopic(
    key: TopicKey,
    retention: Retention | null,
  ): Promise<{ topic: TopicRecord; created: boolean }> {
    const first = this.#log(0);
    for (let turn = 1; ; turn++) {
      const { topic, created } = await this.#make(key, retention);
      const { id, place = 0 } = topic;
      this.#topics.places.learn(id, place);
      if (place === 0) return { topic, created };
      const there = (await this.#topics.heads([id])).get(id);
      if (there !== undefined) return { topic: there, created };
      if (turn === CREATE_TURNS) return { topic: withoutPlace(topic), created };
      // It was deleted where it is, by a node that could not tell the first.
      await first.placed.remove(id);
    }
  }

  listTopics(
    tenant: Tenant,
    page: { after: string; prefix: string; limit: number },
  ): Promise<TopicRecord[]> {
    return this.#topics.listTopics(tenant, page);
  }

  async patchTopic(key: TopicKey, retention: Retention): Promise<TopicRecord | null> {
    const found = await this.findTopic(key);
    if (found === null) return null;
    const patch = (place: number): Promise<TopicRecord | null> =>
      this.#log(place).patchTopic(key, retention);
    return this.#topics.asked(found.id, patch, (record) => record === null);
  }

  /** Where it is, and then in the first: whoever finds it there and not here makes it anew. */
  async deleteTopic(key: TopicKey): Promise<TopicRecord | null> {
    const found = await this.findTopic(key);
    if (found === null) return null;
    const there = (at: number): Promise<TopicRecord | null> => this.#log(at).deleteTopic(key);
    const deleted = await this.#topics.asked(found.id, there, (record) => record === null);
    const place = this.placeOf(found.id);
    if (place !== 0) await this.#log(0).placed.remove(found.id);
    this.#topics.places.forget(found.id);
    return deleted;
  }

  heads(topicIds: readonly number[]): Promise<Map<number, TopicRecord>> {
    return this.#topics.heads(topicIds);
  }

  async headMoves(): Promise<HeadMoves> {
    return UNCOUNTED;
  }

  /** Those that went to another database are found by reading the records. */
  async movedHeads(known: readonly KnownHead[]): Promise<readonly number[]> {
    return known.map(({ id }) => id);
  }

  async headsHere(topicIds: readonly number[]): Promise<Map<number, TopicRecord>> {
    const groups = byPlace(topicIds, (id) => this.placeOf(id));
    const pages = await Promise.all(
      [...groups].map(([place, ids]) =>
        this.#topics.headsAt(place, ids, (at, some) => this.#log(at).headsHere(some)),
      ),
    );
    return new Map(pages.flatMap((page) => [...page]));
  }

  append(append: A): void {
    this.#of(append.topicId).append(append);
  }

  flush(): void {
    for (const log of this.#logs) log.flush();
  }

  read(range: ReadRange): Promise<LogPage> {
    return this.#topics.read(range);
  }

  sequenceAt(topicId: number, timeMs: number): Promise<number> {
    return this.#topics.sequenceAt(topicId, timeMs);
  }

  async defer(request: DeferRequest): Promise<DeferOutcome> {
    return this.#topics.asked(request.topicId, (place) => this.#log(place).defer(request));
  }

  listDeferred(within: Within, page: { after: number; limit: number }): Promise<DeferredRecord[]> {
    return this.#topics.listDeferred(within, page);
  }

  /** An id is of one of them; where one is away it may be of that. */
  async cancelDeferred(tenant: Tenant, id: number): Promise<'cancelled' | 'released' | 'unknown'> {
    const known = await firstOf(this.#logs, async (log) => {
      const became = await log.cancelDeferred(tenant, id);
      return became === 'unknown' ? null : became;
    });
    return known ?? 'unknown';
  }

  totals(tenant: Tenant): Promise<LogTotals> {
    return this.#topics.totals(tenant);
  }

  async moveTopic(key: TopicKey, to: number): Promise<TopicMoved> {
    if (to >= this.#logs.length) throw noDatabase(to, this.#logs.length);
    const found = await this.findTopic(key);
    if (found === null) throw new RequestError('topic_not_found', 'topic not found', 'topic');
    return this.#moves.move({ topicId: found.id, key, from: this.placeOf(found.id), to });
  }

  /** What a database says of a topic that has moved away from it is not said of the topic. */
  #sinkOf(sink: LogSink<A>, place: number): LogSink<A> {
    return {
      ...sinkOf(sink, place),
      failed: (append, code, detail) => {
        if (code !== 'topic_not_found') sink.failed(append, code, detail);
        else this.#notFound(append, detail, place);
      },
      headsMoved: (topicIds) => {
        for (const id of topicIds ?? []) this.#mayHaveMoved(id);
        sink.headsMoved(topicIds, place);
      },
    };
  }

  /** Also what nobody subscribes to is found at once, and not by the next who publishes to it. */
  #mayHaveMoved(topicId: number): void {
    if (!this.#topics.places.has(topicId)) return;
    this.#topics.hasMoved(topicId, this.placeOf(topicId)).catch((error: unknown) => {
      if (!(error instanceof RequestError)) this.#options.onMoveTrouble(error);
    });
  }

  #notFound(append: A, detail: string, place: number): void {
    this.#topics.hasMoved(append.topicId, place).then(
      (hasMoved) => {
        if (!hasMoved) this.#options.sink.failed(append, 'topic_not_found', detail);
        else this.#options.sink.failed(append, 'topic_busy', onTheMove().message);
      },
      (error: unknown) => {
        const { code, message } = error instanceof RequestError ? error : onTheMove();
        this.#options.sink.failed(append, code, message);
      },
    );
  }

  #log(place: number): DatabaseLog<A> {
    const log = this.#logs[place];
    if (log === undefined) throw new Error(`there is no database at place ${place}`);
    return log;
  }

  /** Of a topic whose record was read. */
  #of(topicId: number): DatabaseLog<A> {
    return this.#log(this.placeOf(topicId));
  }

  #make(
    key: TopicKey,
    retention: Retention | null,
  ): Promise<{ topic: TopicRecord; created: boolean }> {
    const first = this.#log(0);
    const place = Number(this.#ring.memberOf(key)?.slice(memberOf('').length) ?? 0);
    if (place === 0) return first.createTopic(key, retention);
    const { placed } = this.#log(place);
    const make = (): Promise<{ topic: TopicRecord; created: boolean }> =>
      first.placed.createElsewhere({ key, retention, place }, (topic) => placed.adopt(topic));
    const made = this.#making.then(make);
    this.#making = made.catch(() => undefined);
    return made;
  }

  #openLater(place: number): void {
    if (this.#state === 'closed') return;
    const timer = setTimeout(() => {
      this.#reopens.delete(timer);
      this.#log(place)
        .open()
        .then(
          () => this.#options.sink.headsMoved(null, place),
          (error: unknown) => {
            this.#options.onTrouble(place, error);
            this.#openLater(place);
          },
        );
    }, REOPEN_MS);
    this.#reopens.add(timer);
  }

  #endReopens(): void {
    for (const timer of this.#reopens) clearTimeout(timer);
    this.#reopens.clear();
  }
}

/** On the ring: by its place, which it keeps. */
function memberOf(place: number | string): string {
  return `database-${place}`;
}

function sinkOf<A extends PendingAppend>(sink: LogSink<A>, place: number): LogSink<A> {
  return {
    committed: (commit) => sink.committed(commit),
    duplicate: (append, first) => sink.duplicate(append, first),
    failed: (append, code, detail) => sink.failed(append, code, detail),
    released: (release) => sink.released(release),
    headsMoved: (topicIds) => sink.headsMoved(topicIds, place),
    stateChanged: (state, detail) => sink.stateChanged(state, detail, place),
    epochChanged: () => sink.epochChanged(place),
  };
}
