/**
 * What a worker does for the topics of one database: looks at their heads and terms, brings them over when
 * it has become another, and knows whether this node may still hand out what it coordinates there. One for
 * each database, so that one that is away holds up nothing of the others.
 */
import type { Clock } from '../../core/clock.js';
import type { TopicRecord } from '../../core/topic-record.js';
import { UNCOUNTED } from '../../log/contract/head-moves.js';
import { LOG_UNREACHABLE, refusalError } from '../../log/contract/log-refusal.js';
import type { MessageLog, PendingAppend } from '../../log/contract/message-log.js';
import type { LostTerm } from '../../log/contract/subscription-store.js';
import type { Lease } from '../../thread/lease.js';
import { LeaseWatch } from '../../thread/lease-watch.js';
import type { Topic, Tracker } from '../state/subscription.js';
import type { Topics } from '../state/topics.js';
import { HeadCheck, type HeadLog } from './head-check.js';
import { type BroughtTopic, Resync } from './resync.js';

/** From one look at the heads to the next; more often while other nodes that are expected are not heard. */
const HEADS_MS = 1_000;
const HEADS_ALONE_MS = 500;

export interface FollowedOptions<A extends PendingAppend> {
  log: MessageLog<A>;
  topics: Topics;
  clock: Clock;
  /** Whether other nodes that are expected are not heard, now. */
  isAlone: () => boolean;
  /** The durable subscriptions that are held here, of any database. */
  held: () => Iterable<Tracker>;
  onLost: (tracker: Tracker, why: LostTerm['why']) => void;
  /** What was held back may go on. */
  onHeld: () => void;
  /**
   * Takes in what other nodes gave back to those that are held here. `place`: of one of several databases.
   */
  redriven: (place?: number) => Promise<void>;
  onHead: (topic: Topic, record: TopicRecord) => void;
  onGone: (topic: Topic) => void;
  onBrought: (topics: readonly BroughtTopic[]) => void;
  /** A look was answered by a database that is open. */
  onWell: (place: number) => void;
  /** What is tried again. */
  onFailed: (what: string, error: unknown) => void;
}

export class FollowedDatabase {
  readonly heads: HeadCheck;
  readonly resync: Resync;
  /** Null: nobody else takes what is held here. */
  readonly watch: LeaseWatch | null;

  /** `lease`: of this node in that database; null: there is no link to other nodes. */
  constructor(
    at: { place: number; of: number },
    lease: Lease | null,
    options: FollowedOptions<PendingAppend>,
  ) {
    const { clock, isAlone, onLost, onHead, onGone, onFailed } = options;
    const { log, topics, held } = at.of === 1 ? options : ofPlace(at.place, options);
    const redriven = at.of === 1 ? options.redriven : () => options.redriven(at.place);
    this.watch = lease === null ? null : new LeaseWatch(lease, options.onHeld);
    this.heads = new HeadCheck({
      ...{ clock, log, topics, held, redriven, watch: this.watch },
      ...{ onLost, onHead, onGone },
      periodMs: () => (isAlone() ? HEADS_ALONE_MS : HEADS_MS),
      onWell: () => options.onWell(at.place),
      onFailed: (error) => onFailed('head check', error),
    });
    this.resync = new Resync({
      ...{ log: options.log, topics },
      onBrought: (brought) => {
        options.onBrought(brought);
        this.heads.doubt();
      },
      onFailed: (error) => onFailed('heads after a failover', error),
    });
  }

  stop(): void {
    this.heads.stop();
    this.resync.stop();
  }
}

/** What of it is in one of several databases. */
function ofPlace(
  place: number,
  { log, topics, held }: Pick<FollowedOptions<PendingAppend>, 'log' | 'topics' | 'held'>,
): { log: HeadLog; topics: { values(): Topic[] }; held: () => Tracker[] } {
  const isHere = ({ id }: Topic): boolean => log.placeOf(id) === place;
  const topicsHere = (): Topic[] => [...topics.values()].filter(isHere);
  const stateNow = (): HeadLog['state'] => log.databases[place]?.state ?? 'closed';
  return {
    log: {
      get state() {
        return stateNow();
      },
      /** Where a topic is gone to another database, only the records of both say so. */
      headMoves: async () => {
        const isAsked = topicsHere().some(({ subscriptions }) => subscriptions.size > 0);
        if (!isAsked && stateNow() !== 'open') throw refusalError(LOG_UNREACHABLE, null);
        return UNCOUNTED;
      },
      heads: (ids) => log.heads(ids),
      movedHeads: (known) => log.movedHeads(known),
      subscriptions: log.subscriptions,
    },
    topics: { values: topicsHere },
    held: () => [...held()].filter(({ topic }) => isHere(topic)),
  };
}
