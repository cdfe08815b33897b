/** What the log on PostgreSQL is opened with, by a topic worker. */
import type { DatabaseClock } from '../../core/database-clock.js';
import type { Limits } from '../../core/limits.js';
import type { HeldSnapshot } from '../../core/log-figures.js';
import type { TopicKey } from '../../core/topic-key.js';
import type { LogSink, PendingAppend } from '../contract/message-log.js';
import type { Coordinator } from '../contract/subscription-store.js';

export interface PostgresLogOptions<A extends PendingAppend> {
  databaseUrl: string;
  /** `conduit/<node>/w<index>`; each session adds its purpose. */
  applicationName: string;
  limits: Limits;
  /** The log keeps it: it is told the database's time. */
  clock: DatabaseClock;
  sink: LogSink<A>;
  /** LISTEN for publishes from SQL; else they are found by polling. */
  notify: boolean;
  /** Whether this worker, of those of its node, has the topic. */
  owns: (key: TopicKey) => boolean;
  /** Whether this node, of all that live, releases what is deferred of it now. */
  isHere: (key: TopicKey) => boolean;
  /** Whether it does the task of upkeep (upkeep.ts) now. */
  keepsUp: (task: string) => boolean;
  /**
   * One of several databases: asked for topics of the others it says where they are. Absent: the only one.
   */
  place?: number;
  /** Who takes durable subscriptions; absent: nobody who coordinates any. */
  coordinator?: Coordinator;
  /** Something failed that is tried again, or was dropped. */
  onTrouble: (what: string, error: unknown) => void;
  /** Every few seconds: who has held a snapshot for too long, if anybody. Without it nobody looks. */
  onSnapshot?: (oldest: HeldSnapshot | null) => void;
}
