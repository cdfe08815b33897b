/** Puts the writer of one topic worker together: queue, main session, sessions that wait for rows. */
import type { Clock } from '../../../core/clock.js';
import type { Limits } from '../../../core/limits.js';
import { AppendFigures } from '../../contract/append-figures.js';
import type { LogSink, PendingAppend } from '../../contract/message-log.js';
import { WORKER_CONNECTIONS } from '../session/connection-budget.js';
import { KeptConnection } from '../session/kept-connection.js';
import type { Queryable } from '../session/queryable.js';
import { AppendLane, DOWN_AFTER_MS } from './append-lane.js';
import { AppendQueue } from './append-queue.js';
import type { AppendConnection, AppendSession } from './append-session.js';
import { TopicWaiter } from './append-waiter.js';
import { AppendWriter } from './append-writer.js';

const RECONNECT = { firstMs: 20, capMs: 500 };

export interface AppendPartsOptions<A extends PendingAppend> {
  /** The session that decides whether the log is open. */
  openMain: (onLost: (error: Error) => void) => Promise<AppendSession>;
  openWaiting: (onLost: (error: Error) => void) => Promise<AppendSession>;
  db: Queryable;
  limits: Limits;
  clock: Clock;
  sink: LogSink<A>;
  incarnation: () => string;
  onOpen: () => void;
  onDown: (detail: string) => void;
  onReadOnly: (detail: string) => void;
  onLocked: (detail: string) => void;
  onTrouble: (what: string, error: unknown) => void;
}

export interface AppendParts<A extends PendingAppend> {
  writer: AppendWriter<A>;
  connection: AppendConnection;
  figures: AppendFigures;
}

export function buildAppends<A extends PendingAppend>(
  options: AppendPartsOptions<A>,
): AppendParts<A> {
  const { limits, clock, sink, db, incarnation, onTrouble } = options;
  const { onReadOnly, onLocked } = options;
  const queue = new AppendQueue<A>({
    messagesMax: limits.batchMessagesMax,
    bytesMax: limits.batchBytesMax,
  });
  const figures = new AppendFigures(() => queue.count);
  const laneOn = (connection: AppendConnection): AppendLane<A> =>
    new AppendLane<A>({
      ...{ connection, limits, clock, sink, incarnation, figures },
      ...{ onReadOnly, onLocked, onTrouble },
    });
  const connection = new KeptConnection<AppendSession>({
    open: options.openMain,
    reopen: 'always',
    backoff: RECONNECT,
    clock,
    downAfterMs: DOWN_AFTER_MS,
    onDown: options.onDown,
    onOpen: options.onOpen,
  });
  const lanes = Array.from({ length: WORKER_CONNECTIONS.wait }, () => {
    const waiting = new KeptConnection<AppendSession>({
      open: options.openWaiting,
      reopen: 'when asked',
      backoff: RECONNECT,
      clock,
      downAfterMs: DOWN_AFTER_MS,
      onDown: () => undefined,
      onOpen: () => undefined,
    });
    return { lane: laneOn(waiting), connection: waiting };
  });
  const waiter = new TopicWaiter<A>({
    lanes,
    clock,
    sink,
    db,
    takeLater: (topicId) => queue.takeOf(topicId),
    onDone: (topicId) => {
      queue.release(topicId);
      writer.flush();
    },
    onTrouble,
    onBug,
  });
  const lane = laneOn(connection);
  const writer = new AppendWriter<A>({ queue, lane, connection, waiter, limits, sink, onBug });
  return { writer, connection, figures };
}

/** Out of any promise, so that the thread dies of it. */
function onBug(error: unknown): void {
  setImmediate(() => {
    throw error;
  });
}
