/**
 * Publishes on their way: from the link into the log, and their outcomes back. A publish is one
 * object from PUBLISH to its answer; everything else is per batch.
 */
import type { Clock } from '../../core/clock.js';
import type { ErrorCode } from '../../core/errors.js';
import { RequestError } from '../../core/errors.js';
import type { Limits } from '../../core/limits.js';
import type { LogRow } from '../../core/message.js';
import type { Tenant, TopicKey } from '../../core/topic-key.js';
import type { TopicRecord } from '../../core/topic-record.js';
import { DEFER_TURNS, Turns } from '../../core/turns.js';
import { makeUuidV7 } from '../../core/uuid.js';
import type { FoldedReads } from '../../log/contract/folded-reads.js';
import type {
  FirstResult,
  MessageLog,
  PendingAppend,
  TopicCommit,
} from '../../log/contract/message-log.js';
import { failureOf } from '../../thread/ops/failed.js';
import type { PublishOp } from '../../thread/ops/publish.js';
import type { Outlet } from '../state/outlet.js';
import type { Topic } from '../state/subscription.js';
import type { Topics } from '../state/topics.js';
import { PublishFigures } from './publish-figures.js';
import { TopicWaits, type WaitingPublish } from './topic-waits.js';

/** One publish between PUBLISH and its answer; it is what the log gives back. */
export class PublishUnderWay implements PendingAppend {
  readonly outlet: Outlet;
  readonly publication: PublishOp;
  readonly topic: Topic;
  readonly topicId: number;
  readonly epoch: string;
  readonly messageId: Uint8Array;
  /** Of PublishFigures. */
  takenTicks = 0;

  constructor(outlet: Outlet, publication: PublishOp, topic: Topic) {
    this.outlet = outlet;
    this.publication = publication;
    this.topic = topic;
    this.topicId = topic.id;
    this.epoch = topic.epoch;
    this.messageId = makeUuidV7(topic.clock.now(), topic.idTag);
  }

  get owner(): Tenant {
    return this.topic.tenant;
  }
}

/** One for all: they come by the thousand. */
const NOT_FOUND = new RequestError('topic_not_found', 'topic not found', 'topic');

/** The place of a deferred publish that waits. */
const NOT_IN_LOG = { sequence: 0, publishedAtMs: 0, messageId: new Uint8Array(16) };

export interface PublishesOptions {
  log: MessageLog<PublishUnderWay>;
  topics: Topics;
  records: FoldedReads<TopicKey, TopicRecord>;
  clock: Clock;
  limits: Pick<Limits, 'delayMsMax'>;
  /** What was committed, for fan-out. */
  onCommitted: (topic: Topic, rows: LogRow[]) => void;
  /**
   * The same for other nodes, with the epoch of the log that it was committed to; `rows` makes them if need
   * be.
   */
  onAnnounced: (epoch: string, rows: () => LogRow[]) => void;
  onTopicGone: (topic: Topic) => void;
  /** What is no RequestError is a bug: the thread must not go on. */
  onBug: (error: unknown) => void;
}

export class Publishes {
  readonly figures: PublishFigures;
  readonly #options: PublishesOptions;
  readonly #waits: TopicWaits;
  /** A lane for each tenant. */
  readonly #turns = new Turns(DEFER_TURNS);

  /** Deferred publishes with a dedupe key that are being taken in, the last of each key. */
  readonly #deferring = new Map<string, Promise<void>>();

  constructor(options: PublishesOptions) {
    this.#options = options;
    this.figures = new PublishFigures(options.clock);
    this.#waits = new TopicWaits({
      records: options.records,
      onFound: (record, waiting) => this.#found(options.topics.met(record), waiting),
      onMissing: (error, waiting) => this.#missing(error, waiting),
    });
  }

  /** From PUBLISH. The caller flushes the log after the last of the turn. */
  take(outlet: Outlet, op: PublishOp): void {
    const topic = this.#options.topics.known(op.topic);
    if (topic !== undefined && !this.#waits.has(op.topic)) this.#append(outlet, topic, op);
    else this.#waits.add({ outlet, op });
  }

  /** What was taken since the last is taken together. */
  endTurn(): void {
    this.figures.endTurn();
  }

  committed(commit: TopicCommit<PublishUnderWay>): void {
    const { appends, firstSequence, publishedAtMs } = commit;
    const [first] = appends;
    if (first === undefined) return;
    const { topic } = first;
    const here = topic.subscriptions.size;
    const subscribers = here + topic.elsewhere;
    const { figures } = this;
    figures.committing();
    for (let i = 0; i < appends.length; i++) {
      const append = appends[i];
      if (append === undefined) continue;
      figures.committed(append.publication.payload.length, append.takenTicks);
      append.outlet.published({
        request: append.publication.request,
        duplicate: false,
        sequence: firstSequence + i,
        publishedAtMs,
        subscribers,
        messageId: append.messageId,
        epoch: topic.epoch,
      });
    }
    topic.published.add(appends.length);
    topic.traces?.committed(appends, firstSequence, figures.sinceMs(first.takenTicks));
    const { onCommitted, onAnnounced } = this.#options;
    const rows = here > 0 ? rowsOf(commit) : null;
    if (rows !== null) onCommitted(topic, rows);
    else topic.head = Math.max(topic.head, firstSequence + appends.length - 1);
    onAnnounced(first.epoch, () => rows ?? rowsOf(commit));
  }

  /** It repeats one that is in the log, or waits in the outbox. */
  duplicate(append: PublishUnderWay, first: FirstResult): void {
    const { outlet, publication, topic } = append;
    this.figures.counts.duplicate++;
    if (first.sequence === 0) this.#repeatsDeferred(outlet, publication, first);
    else this.#repeatsPublished(outlet, publication, { topic, first });
  }

  failed(append: PublishUnderWay, code: ErrorCode, detail: string): void {
    const { outlet, publication: op, topic } = append;
    if (code !== 'topic_not_found') {
      this.figures.counts.rejected++;
      outlet.failed({ request: op.request, session: 0, code, detail, field: null });
      return;
    }
    // Deleted elsewhere, and perhaps made again: its key is looked up before that is said.
    this.#options.onTopicGone(topic);
    this.#waits.add({ outlet, op });
  }

  #append(outlet: Outlet, topic: Topic, op: PublishOp): void {
    if (op.delayMs > 0 || op.deliverAtMs > 0) {
      this.#defer(outlet, topic, op);
      return;
    }
    const append = new PublishUnderWay(outlet, op, topic);
    append.takenTicks = this.figures.takenTicks;
    this.#options.log.append(append);
  }

  #found(topic: Topic, waiting: readonly WaitingPublish[]): void {
    for (const { outlet, op } of waiting) this.#append(outlet, topic, op);
    this.endTurn();
    this.#options.log.flush();
  }

  #missing(error: unknown, waiting: readonly WaitingPublish[]): void {
    for (const { outlet, op } of waiting) this.#fail(outlet, op, error ?? NOT_FOUND);
  }

  /** Those with the same dedupe key one after another: of two in one batch the first is the first. */
  #defer(outlet: Outlet, topic: Topic, op: PublishOp): void {
    const { clock, limits } = this.#options;
    if (op.deliverAtMs - clock.now() > limits.delayMsMax) {
      const detail = `deliver_at is more than ${limits.delayMsMax} ms away (DELAY_MS_MAX)`;
      this.#fail(outlet, op, new RequestError('invalid_field', detail, 'deliver_at'));
      return;
    }
    const key = op.dedupeKey === null ? null : `${topic.id} ${op.dedupeKey}`;
    const before = key === null ? undefined : this.#deferring.get(key);
    const run = (): Promise<void> => this.#deferNow(outlet, topic, op);
    const current = before === undefined ? run() : before.then(run);
    if (key === null) return;
    this.#deferring.set(key, current);
    void current.then(() => {
      if (this.#deferring.get(key) === current) this.#deferring.delete(key);
    });
  }

  /** Never rejects. */
  #deferNow(outlet: Outlet, topic: Topic, op: PublishOp): Promise<void> {
    const { delayMs, deliverAtMs } = op;
    const { tenant, id: topicId } = topic;
    const request = { tenant, topicId, publication: op, delayMs, deliverAtMs };
    const deferred = this.#turns.run(tenant, () => this.#options.log.defer(request));
    return deferred.then(
      ({ record, first }) => {
        this.figures.counts[record === null ? 'duplicate' : 'deferred']++;
        if (record !== null) {
          const { id, deliverAtMs: dueAtMs } = record;
          outlet.deferred({
            ...{ request: op.request, duplicate: false, deferredId: id, deliverAtMs: dueAtMs },
            ...NOT_IN_LOG,
          });
        } else if (first.deferred === null) this.#repeatsPublished(outlet, op, { topic, first });
        else this.#repeatsDeferred(outlet, op, first);
      },
      (error: unknown) => this.#fail(outlet, op, error),
    );
  }

  #repeatsDeferred(
    outlet: Outlet,
    { request }: PublishOp,
    { sequence, publishedAtMs, messageId, deferred }: FirstResult,
  ): void {
    const deferredId = deferred?.id ?? 0;
    const deliverAtMs = deferred?.deliverAtMs ?? 0;
    const place = { sequence, publishedAtMs, messageId };
    outlet.deferred({ request, duplicate: true, deferredId, deliverAtMs, ...place });
  }

  #repeatsPublished(
    outlet: Outlet,
    { request }: PublishOp,
    { topic, first }: { topic: Topic; first: FirstResult },
  ): void {
    const { sequence, publishedAtMs, messageId } = first;
    outlet.published({
      ...{ request, duplicate: true, sequence, publishedAtMs, messageId },
      subscribers: topic.subscriptions.size + topic.elsewhere,
      epoch: topic.epoch,
    });
  }

  #fail(outlet: Outlet, { request }: PublishOp, error: unknown): void {
    this.figures.counts.rejected++;
    if (error instanceof RequestError) outlet.failed(failureOf({ request, session: 0 }, error));
    else this.#options.onBug(error);
  }
}

function rowsOf(commit: TopicCommit<PublishUnderWay>): LogRow[] {
  const { firstSequence, publishedAtMs } = commit;
  return commit.appends.map(({ messageId, publication }, i) => ({
    sequence: firstSequence + i,
    messageId,
    publishedAtMs,
    contentType: publication.contentType,
    payload: publication.payload,
    key: publication.key,
    headers: publication.headers,
    expiresAtMs: publication.ttlMs === 0 ? 0 : publishedAtMs + publication.ttlMs,
  }));
}
