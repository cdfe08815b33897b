/**
 * Entry of a topic worker thread: reads its start data, composes the worker over the log that the
 * configuration asks for, and obeys the supervisor. An exception that reaches the top ends the
 * thread; the supervisor replaces it.
 */
import { parentPort, workerData } from 'node:worker_threads';
import {
  PEER_AWAY,
  REDIS_AWAY,
  troubleOfEnvelope,
  troubleOfPeer,
  troubleOfRedis,
} from '../backplane/backplane-trouble.js';
import { DroppedMail } from '../backplane/dropped-mail.js';
import { Envelopes } from '../backplane/envelopes.js';
import { readForward } from '../backplane/forward-body.js';
import { ForwardWay } from '../backplane/forward-way.js';
import { Mailbox } from '../backplane/mailbox.js';
import { PEER_PART_BYTES_MAX, PeerEnvelopes } from '../backplane/peer-envelopes.js';
import { PeerLinks } from '../backplane/peer-links.js';
import type { BackplaneHandlers } from '../backplane/redis-backplane.js';
import { Ways } from '../backplane/ways.js';
import { EXIT_CONFIG, EXIT_LATER } from '../config/config.js';
import { systemClock } from '../core/clock.js';
import { DatabaseClock } from '../core/database-clock.js';
import { Happenings } from '../core/happenings.js';
import type { HeldSnapshot } from '../core/log-figures.js';
import { hasPeerLink, type Peer } from '../core/peer.js';
import { ANYONE } from '../core/principal.js';
import { parseRedisUrl } from '../core/redis-url.js';
import { SharedCount } from '../core/shared-count.js';
import { SteadyClock } from '../core/steady-clock.js';
import type { TopicKey } from '../core/topic-key.js';
import { ColdReader } from '../log/contract/cold-reader.js';
import { LogConfigurationError } from '../log/contract/log-configuration-error.js';
import type { LogPage, LogSink, MessageLog, ReadRange } from '../log/contract/message-log.js';
import { OwnPages } from '../log/contract/own-pages.js';
import {
  kindIn,
  LOG_TROUBLES,
  SNAPSHOT_HELD,
  troubleIn,
  troubleOf,
  troubleOfSnapshot,
  troubleOfState,
} from '../log/contract/trouble.js';
import { MemoryLog } from '../log/memory/memory-log.js';
import { PostgresMover } from '../log/postgres/move/topic-move.js';
import { PostgresLog } from '../log/postgres/postgres-log.js';
import { isTransient } from '../log/postgres/session/transient.js';
import { SeveralLogs } from '../log/several/several-logs.js';
import { MetricCells } from '../observe/metric-cells.js';
import { WORKER_METRICS } from '../observe/metrics.js';
import { loadSpans } from '../observe/spans.js';
import { TroubleReport } from '../observe/trouble-report.js';
import type { FromThread, ToThread, WorkerStart } from '../thread/control.js';
import { leaseOf } from '../thread/node-memory.js';
import { TopicPlacement } from '../thread/placement.js';
import { processMs } from '../thread/process-clock.js';
import { threadFigures } from '../thread/thread-figures.js';
import { WorkPlacement } from '../thread/work-placement.js';
import { WorkerMarks } from '../thread/worker-marks.js';
import type { PublishUnderWay } from './log/publishes.js';
import { Worker, type WorkerOptions } from './worker.js';

const EXIT_FAULT = 1;
/** How often it is said how things stand here. */
const MARK_MS = 1_000;
/** And how many are subscribed, for other nodes. */
const NEWS_MS = 500;

const start = workerData as WorkerStart;
const port = controlPort();
const tell = (message: FromThread): void => port.postMessage(message);

const { config } = start;
const report = new TroubleReport({
  trouble: (trouble, times) => tell({ type: 'trouble', trouble, times }),
  over: (kind) => tell({ type: 'over', kind }),
});
const placement = new TopicPlacement(config.workers);
const { memory } = start;
/** By database. */
const leases = start.living.map((_, place) => leaseOf(memory, place));
const works = start.living.map(
  (living, place) =>
    new WorkPlacement({
      node: config.nodeId,
      lease: leaseOf(memory, place),
      living: idsOf(living),
    }),
);

const coldReaders = start.colds.map(
  (port) => new ColdReader(port, { own: new OwnPages(ownRead, systemClock), clock: systemClock }),
);

/** What the log stores and compares: its node's own clock has no say where there is a database. */
const databaseClock = new DatabaseClock(systemClock);
const logClock = config.databaseUrl === null ? new SteadyClock(systemClock) : databaseClock;

const happenings = new Happenings(systemClock, (all) => tell({ type: 'happened', all }));

const dropped = new DroppedMail((fault) => report.trouble(troubleOfEnvelope(fault)));
const own = { bootId: start.bootId, worker: start.index };
const mailbox = new Mailbox(config.clusterName, own);
const isLinked = hasPeerLink(config);
const origin = `${config.nodeId}/${nonce()}/${start.index}`;
/** Null: there are none. */
let ways: Ways | null = null;
/** Null: it is in memory. */
let openedLog: MessageLog<PublishUnderWay> | null = null;
/** Null: there is a database. */
let memoryLog: MemoryLog<PublishUnderWay> | null = null;

const spans = await loadSpans(config.limits);
/** Loaded where it is used: ioredis takes a tenth of a second. Null: there is no REDIS_URL. */
const redis = config.redisUrl === null ? null : await import('../backplane/redis-backplane.js');

const peers = peerParts();

const worker = new Worker({
  config,
  spans,
  clock: logClock,
  origin,
  owns,
  openLog,
  coldRead: coldReaders.length === 0 ? null : coldRead,
  backplane: backplaneParts(),
  takeIn:
    config.databaseUrl === null ? (topicId, rows) => memoryLog?.takeIn(topicId, rows) ?? [] : null,
  peers,
  onLogState: (state, detail, place) => {
    const trouble = troubleOfState(state, detail);
    if (trouble !== null) report.trouble(troubleIn(trouble, place));
    tell({ type: 'log-state', state, detail });
  },
  onTrouble,
  happened: happenings.add,
  onUnsaved: (unsaved) => {
    if (unsaved.cursors === 0) return;
    tell({ type: 'left-over', left: { publishes: 0, requests: 0, unread: 0, ...unsaved } });
  },
  onWell: (place) => report.over(LOG_TROUBLES.map((kind) => kindIn(kind, place))),
  onBug: (error) => {
    // Out of any promise, so that the thread dies of it.
    setImmediate(() => {
      throw error;
    });
  },
});

for (const link of start.links) worker.connect(link.acceptor, link.port);

port.on('message', (message: ToThread) => {
  if (message.type === 'acceptor') worker.connect(message.link.acceptor, message.link.port);
  else if (message.type === 'nodes') {
    works[message.place]?.place(idsOf(message.living));
    if (message.place > 0) return;
    ways?.place(message.living);
    worker.place(message.living);
  } else if (message.type === 'forwarded') forwarded(message.body);
  else if (message.type === 'elsewhere') worker.news.elsewhere(message.counts);
  else if (message.type === 'topic-quotas') {
    for (const { tenant, max, count } of message.quotas) {
      memoryLog?.quotaOfTopics(tenant, max, () => new SharedCount(count, start.index));
    }
  } else if (message.type === 'stop') stop();
});

const marks = new WorkerMarks(memory.marks);
const write = new MetricCells(WORKER_METRICS, memory.metrics.worker).writer(start.index);
const ofThread = threadFigures();
setInterval(() => {
  marks.set(start.index, worker.marks);
  write({ ...worker.metrics.read(), ...ofThread() });
}, MARK_MS).unref();

// Where nobody asks for it nothing is gathered.
if (isLinked) {
  setInterval(() => {
    const news = worker.news.changes();
    if (news !== null) tell({ type: 'topic-news', news });
  }, NEWS_MS).unref();
}

worker.start().then(
  () => tell({ type: 'ready' }),
  (error: unknown) => {
    const detail = error instanceof Error ? error.message : String(error);
    tell({ type: 'fault', detail, exitCode: exitCodeOf(error) });
  },
);

function exitCodeOf(error: unknown): number {
  if (error instanceof LogConfigurationError) return EXIT_CONFIG;
  return isTransient(error) ? EXIT_LATER : EXIT_FAULT;
}

/** Names this run; not by the time alone, since a clock may have been set back. */
function nonce(): string {
  const chance = Math.floor(systemClock.random() * 36 ** 4).toString(36);
  return `${systemClock.now().toString(36)}${chance.padStart(4, '0')}`;
}

function idsOf(living: readonly Peer[]): string[] {
  return living.map(({ id }) => id);
}

function owns(key: TopicKey): boolean {
  return placement.workerOf(key) === start.index;
}

function openLog(sink: LogSink<PublishUnderWay>): MessageLog<PublishUnderWay> {
  const { limits } = config;
  if (config.databaseUrl === null) {
    const { topicCount: counted, index } = start;
    const topicCount = counted === null ? null : new SharedCount(counted, index);
    memoryLog = new MemoryLog({
      limits,
      clock: logClock,
      sink,
      idBase: start.index + 1,
      idStep: config.workers,
      topicCount: (tenant) => (tenant === ANYONE.tenant ? topicCount : null),
    });
    return memoryLog;
  }
  const { databaseUrl, moreDatabaseUrls } = config;
  if (moreDatabaseUrls.length === 0) {
    openedLog = postgresLog({ databaseUrl, place: null }, { sink, clock: databaseClock });
    return openedLog;
  }
  const urls = [databaseUrl, ...moreDatabaseUrls];
  openedLog = new SeveralLogs<PublishUnderWay>({
    databases: urls.length,
    make: (place, own) => {
      // What is stored and compared in a database is by the clock of that one.
      const clock = place === 0 ? databaseClock : new DatabaseClock(systemClock);
      return postgresLog({ databaseUrl: urls[place] ?? '', place }, { sink: own, clock });
    },
    sink,
    onTrouble: (place, error) => report.trouble(troubleIn(troubleOf('opening it', error), place)),
    mover: new PostgresMover(urls),
    endsMoves: start.index === 0,
    onMoveTrouble: (error) => report.trouble(troubleOf('moving a topic', error)),
  });
  return openedLog;
}

/** `place`: of one of several databases; null: it is the only one. */
function postgresLog(
  { databaseUrl, place }: { databaseUrl: string; place: number | null },
  { sink, clock }: { sink: LogSink<PublishUnderWay>; clock: DatabaseClock },
): PostgresLog<PublishUnderWay> {
  const at = place ?? 0;
  const work = works[at];
  const log = new PostgresLog<PublishUnderWay>({
    ...{ databaseUrl, sink, clock, owns },
    ...(place === null ? {} : { place }),
    applicationName: `conduit/${config.nodeId}/w${start.index}`,
    limits: config.limits,
    coordinator: { node: config.nodeId, bootId: isLinked ? start.bootId : null },
    onTrouble: (what, error) => report.trouble(troubleIn(troubleOf(what, error), at)),
    notify: config.outboxNotify,
    isHere: (key) => work?.isHere(`outbox/${key}`) === true,
    // One of a node does what is placed on the node, and looks.
    keepsUp: (task) => start.index === 0 && work?.isHere(`upkeep/${task}`) === true,
    ...(start.index === 0
      ? { onSnapshot: (oldest: HeldSnapshot | null) => onSnapshot(oldest, at) }
      : {}),
  });
  if (work !== undefined) work.onMoved = () => log.workMoved();
  return log;
}

function coldRead(range: ReadRange): Promise<LogPage> {
  const reader = coldReaders[openedLog?.placeOf(range.topicId) ?? 0];
  if (reader === undefined) throw new Error('there is a reader for each database');
  return reader.read(range);
}

/** On the sessions of this worker. */
async function ownRead(range: ReadRange): Promise<LogPage> {
  if (openedLog === null) throw new Error('pages are read of a log');
  return openedLog.read(range);
}

/** Null where this worker has no link to those of other nodes. */
function peerParts(): WorkerOptions['peers'] {
  const { clusterName: cluster, internalSecret: secret, limits } = config;
  if (!isLinked || secret === null) return null;
  // What finds no room on the way would be lost each time it is said again.
  const roomBytes = limits.backplaneQueueBytesMax / 4;
  const links = new PeerLinks({
    envelopes: new PeerEnvelopes({ cluster, secret, own }),
    bootId: own.bootId,
    send: (to, bytes) => mailbox.send(to, bytes),
    creditBytes: Math.min(limits.linkDeliverBytesMax, roomBytes),
    partBytesMax: Math.min(PEER_PART_BYTES_MAX, roomBytes),
    // Far more than the operations of a turn and the longest answer to a call come to.
    wholeBytesMax: 16 * limits.linkDeliverBytesMax,
    now: () => processMs() * 1_000,
    onDropped: (fault) => dropped.drop(fault),
  });
  links.place(start.living[0] ?? []);
  mailbox.onMail = (bytes) => links.came(bytes);
  return { links, leases };
}

/** Null without REDIS_URL and INTERNAL_SECRET: nodes find out what others did. */
function backplaneParts(): WorkerOptions['backplane'] {
  const { redisUrl, clusterName: cluster, internalSecret: secret, databaseUrl } = config;
  // Nodes know each other by the database: without one there is no other way than Redis.
  if (redisUrl === null && (databaseUrl === null || secret === null)) return null;
  return {
    cluster,
    envelopes: new Envelopes({ cluster, origin, secret }),
    ...{ open: openWays, dropped },
    linkResets: () => peers?.links.resets ?? 0,
    onTrouble: (error) => report.trouble(troubleOfRedis(error)),
    onWell: () => report.over([REDIS_AWAY]),
  };
}

function openWays(handlers: BackplaneHandlers): Ways {
  const { redisUrl, clusterName: cluster, limits } = config;
  const url = redisUrl === null ? null : parseRedisUrl(redisUrl);
  const queueBytesMax = limits.backplaneQueueBytesMax;
  const opened = new Ways({
    redis:
      redis === null || url === null
        ? null
        : (by) =>
            new redis.RedisBackplane({
              ...{ ...handlers, ...by, url, cluster, origin, clock: systemClock, queueBytesMax },
            }),
    forward: forwardWay(queueBytesMax),
    onMessage: (channel, message) => {
      if (!mailbox.came(channel, message)) handlers.onMessage(channel, message);
    },
    onListening: handlers.onListening,
    onAway: handlers.onAway,
  });
  opened.place(start.living[0] ?? []);
  mailbox.open(opened);
  ways = opened;
  return opened;
}

/** Null without INTERNAL_SECRET. */
function forwardWay(queueBytesMax: number): ForwardWay | null {
  const { clusterName: cluster, internalSecret: secret } = config;
  if (secret === null || config.databaseUrl === null) return null;
  const { bootId, forwardTls: tls } = start;
  return new ForwardWay({
    ...{ sender: { cluster, bootId }, secret, tls, clock: systemClock, queueBytesMax },
    onChannels: (more, less) => tell({ type: 'channels', more, less }),
    onTrouble: (peer, error) => report.trouble(troubleOfPeer(peer, error)),
    onWell: () => report.over([PEER_AWAY]),
  });
}

/** Checked by the main thread. */
function forwarded(body: Uint8Array): void {
  tell({ type: 'forward-read', bytes: body.length });
  const forward = readForward(body);
  if (typeof forward === 'string') return;
  for (const { channel, message } of forward.messages) ways?.came(channel, message);
}

function onSnapshot(oldest: HeldSnapshot | null, place: number): void {
  if (oldest === null) report.over([kindIn(SNAPSHOT_HELD, place)]);
  else report.trouble(troubleIn(troubleOfSnapshot(oldest), place));
}

function onTrouble(what: string, error: unknown): void {
  report.trouble(troubleOf(what, error));
}

function stop(): void {
  happenings.close();
  report.close();
  for (const reader of coldReaders) reader.close();
  const flush = (): Promise<void> => spans?.flush() ?? Promise.resolve();
  worker.stop().then(
    () => flush().then(() => port.close()),
    (error: unknown) => {
      const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
      tell({ type: 'handler-fault', where: 'stop', stack, requestId: null });
      port.close();
    },
  );
}

function controlPort(): NonNullable<typeof parentPort> {
  if (parentPort === null) throw new Error('worker-thread.js is started by the supervisor');
  return parentPort;
}
