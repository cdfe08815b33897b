/**
 * Composition root of the node: what it needs, in the order in which it starts; it stops in
 * reverse. Resolves with the process's exit code once the node has ended.
 */
import { randomUUID } from 'node:crypto';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { nativeModuleTrouble } from './acceptor/native-module.js';
import { ColdPool } from './cold/cold-pool.js';
import { serveCold } from './cold/cold-port.js';
import { type Config, EXIT_CONFIG } from './config/config.js';
import { heldMemoryWarnings, machineBytes } from './config/held-memory.js';
import { openToAll, untold } from './config/warnings.js';
import { describeDatabase } from './core/database-url.js';
import type { Peer } from './core/peer.js';
import type { ReadRange } from './log/contract/message-log.js';
import { connectionTrouble } from './log/postgres/session/connection-budget.js';
import { Logger } from './observe/logger.js';
import { tracing } from './observe/spans.js';
import {
  authOf,
  type BannerFacts,
  banner,
  describeEmbedded,
  logOf,
  urlOf,
} from './supervisor/banner.js';
import { readCertificate } from './supervisor/certificate.js';
import {
  CertificateReload,
  type CertificateReloadOptions,
} from './supervisor/certificate-reload.js';
import { type DatabasesOptions, prepareDatabases } from './supervisor/databases.js';
import { startEmbeddedPostgres } from './supervisor/embedded-postgres.js';
import { letHeapsGrow } from './supervisor/heap-growth.js';
import { sampleMain } from './supervisor/main-metrics.js';
import { type NodeDirectory, startDirectory } from './supervisor/node-directory.js';
import { NodeDoor, type NodeDoorOptions } from './supervisor/node-door.js';
import { NodeLife } from './supervisor/node-life.js';
import { claimNodeName } from './supervisor/node-name.js';
import { type NodePresenceOptions, NodePresences } from './supervisor/node-presence.js';
import { NodeThreads } from './supervisor/node-threads.js';
import { NodeWebhooks, type NodeWebhooksOptions } from './supervisor/node-webhooks.js';
import { Patience } from './supervisor/patience.js';
import { claimPort } from './supervisor/port-claim.js';
import { StartRefused } from './supervisor/start-refused.js';
import type { BrowseCall, CallAsk } from './thread/calls.js';
import { nodeMemory } from './thread/node-memory.js';
import type { PoolResult } from './thread/pool-port.js';

export interface NodeOptions {
  config: Config;
  /** What to tell the operator about the configuration, one line each. */
  warnings: readonly string[];
  version: string;
  /**
   * Where package.json lies, when the node brings its own PostgreSQL; null: as DATABASE_URL says.
   */
  embeddedIn: string | null;
  /** What `print` goes to. */
  output: 'terminal' | 'file';
  print: (text: string) => void;
  complain: (line: string) => void;
}

export async function runNode(options: NodeOptions): Promise<number> {
  const { config, version, complain } = options;
  const logger = openLogger(options);
  const { shutdownTimeoutMs, startWaitMs } = config.limits;
  const life = new NodeLife({ logger, shutdownTimeoutMs, complain });
  return life.run(async () => {
    const report = (line: string): void => logger.tell('node.waits', {}, line);
    const patience = new Patience({ waitMs: startWaitMs, report });
    const shown = await readCertificate(config);
    for (const warning of shown?.warnings ?? []) logger.tell('certificate.warning', {}, warning);
    await claimPorts(config, life);
    const { id: nodeId } = life.owns(await claimNodeName(config));
    logger.node = nodeId;
    refuse(await nativeModuleTrouble());
    const { urls, logPlace } = await reachLog(options, { life, logger, patience });
    const [databaseUrl = null, ...moreDatabaseUrls] = urls;
    const effective = Object.freeze({ ...config, nodeId, databaseUrl, moreDatabaseUrls });
    const memory = nodeMemory(effective);
    const node = { config: effective, version, bootId: randomUUID(), memory };
    let threads: NodeThreads | null = null;
    const door = await openDoor({ ...node, logger }, () => threads);
    if (door !== null) life.owns(door);
    const living: (readonly Peer[])[] = urls.map(() => []);
    let pools: Pools | null = null;
    if (databaseUrl !== null) {
      const options: NodePresenceOptions = {
        ...{ ...node, logger },
        onLiving: (peers, place) => {
          living[place] = peers;
          if (place === 0) door?.place(peers);
          threads?.place(peers, place);
        },
        onDrain: life.drain,
        onTaken: (line) => life.end({ line, exitCode: EXIT_CONFIG }),
        onTrouble: (trouble) => threads?.trouble(trouble),
        onWell: (kinds) => threads?.well(kinds),
      };
      await life.untilEnd(life.owns(new NodePresences(urls, options)).enter(patience));
      pools = life.owns(openPools(effective, urls, logger));
    }
    letHeapsGrow();
    let directory: NodeDirectory | null = null;
    if (config.enableAuth) {
      directory = life.owns(
        await startDirectory({
          ...{ config: effective, logger, output: screenOf(options, logger) },
          onChanged: (ids) => threads?.keysChanged(ids),
          onQuotas: (quotas) => threads?.quotasChanged(quotas),
        }),
      );
    }
    const webhooks = life.owns(openWebhooks({ config: effective, logger }, () => threads));
    threads = new NodeThreads({
      ...{ ...node, logger, door, onDrain: life.drain, openWebhooks: webhooks.openPort },
      openPools: pools?.openPorts ?? null,
      openDirectory: directory?.openPort ?? null,
      tokenSecret: directory?.tokenSecret ?? null,
      quotas: directory?.quotas ?? (() => []),
      waitToOpen: (why) => patience.pause(`DATABASE_URL: the log cannot be opened: ${why}`),
      onFatal: (line, exitCode) => life.end({ line, exitCode }),
    });
    life.owns(sampleMain(node.memory, life.owns(threads)));
    for (const [place, peers] of living.entries()) threads.place(peers, place);
    if (shown !== null) reloadAtHangUp(life, { config, shown, logger }, threads);
    await life.untilEnd(threads.start());
    warnOfOpenness(config, effective, logger);
    await sayTracing(logger);
    sayReady(options, logger, { logPlace, firstKey: directory?.firstKey ?? null });
  });
}

function openWebhooks(
  of: Omit<NodeWebhooksOptions, 'onChanged'>,
  threads: () => NodeThreads | null,
): NodeWebhooks {
  return new NodeWebhooks({ ...of, onChanged: (all) => threads()?.webhooksChanged(all) });
}

/** The first that it tells is what the configuration warns of. */
function openLogger({ config, output, warnings }: NodeOptions): Logger {
  const { databaseUrl, moreDatabaseUrls, redisUrl, defaultApiKey, adminApiKey } = config;
  const { internalSecret, jwtHs256Secret, metricsToken } = config;
  const own = [databaseUrl, ...moreDatabaseUrls, redisUrl, defaultApiKey, adminApiKey];
  const logger = new Logger({
    level: config.logLevel,
    format: config.logFormat ?? (output === 'terminal' ? 'pretty' : 'json'),
    secrets: [...own, internalSecret, jwtHs256Secret, metricsToken],
  });
  for (const warning of warnings) logger.tell('config.warning', {}, warning);
  return logger;
}

/** Where a first API key may be shown: not in a log. */
function screenOf({ output }: NodeOptions, { format }: Logger): NodeOptions['output'] {
  return format === 'json' ? 'file' : output;
}

/** On a screen for people; the same in a line, where lines are for programs. */
function sayReady(
  { config, version, print }: NodeOptions,
  logger: Logger,
  { logPlace, firstKey }: Pick<BannerFacts, 'logPlace' | 'firstKey'>,
): void {
  if (logger.format === 'pretty') {
    print(banner({ config, version, logPlace, firstKey }));
    return;
  }
  const [url, log, auth] = [urlOf(config), logOf(logPlace), authOf(config, logPlace)];
  const threads = `${config.acceptors} acceptor(s), ${config.workers} topic worker(s)`;
  logger.tell('node.started', { version, url, log, threads, auth });
}

async function sayTracing(logger: Logger): Promise<void> {
  const state = await tracing();
  if (state === 'on') logger.tell('spans.made', {});
  if (state === 'no_api') logger.tell('spans.not_made', {});
}

interface StartMeans {
  life: NodeLife;
  logger: Logger;
  patience: Patience;
}

/** The databases with this version's schema, and where they are, in words; none: messages are in memory. */
async function reachLog(
  { config, embeddedIn }: NodeOptions,
  { life, logger, patience }: StartMeans,
): Promise<{ urls: readonly string[]; logPlace: string | null }> {
  let urls = config.databaseUrl === null ? [] : [config.databaseUrl, ...config.moreDatabaseUrls];
  let logPlace =
    urls.length === 0 ? null : `PostgreSQL at ${urls.map(describeDatabase).join(', ')}`;
  if (embeddedIn !== null) {
    const request = {
      ...{ packageFolder: embeddedIn, dataDir: config.dataDir },
      workingFolder: process.cwd(),
    };
    const postgres = life.owns(await startEmbeddedPostgres(request, config.port));
    urls = [postgres.url];
    logPlace = describeEmbedded(postgres);
    if (postgres.note !== null) logger.tell('database.warning', {}, postgres.note);
  }
  if (urls.length === 0) return { urls, logPlace };
  const preparing = prepareDatabases(
    {
      ...{ urls, patience, onAway: (line) => logger.tell('database.warning', {}, line) },
      onDone: tellDone(logger),
    },
    'late',
  );
  const prepared = life.owns(await life.untilEnd(preparing));
  for (const url of prepared.urls) await warnOfConnections(url, config, logger);
  return { urls: prepared.urls, logPlace };
}

/** Migrations that ran together are one line. */
function tellDone(logger: Logger): DatabasesOptions['onDone'] {
  let names: string[] = [];
  return (line, { name, database = null }) => {
    if (name === undefined) {
      logger.tell('database.changed', { database }, line);
      return;
    }
    if (names.length === 0) {
      queueMicrotask(() => {
        logger.tell('schema.migrated', { names, database });
        names = [];
      });
    }
    names.push(name);
  };
}

function reloadAtHangUp(
  life: NodeLife,
  of: Omit<CertificateReloadOptions, 'reload'>,
  threads: NodeThreads,
): void {
  const certificates = new CertificateReload({ ...of, reload: () => threads.reloadCertificate() });
  life.onHangUp = () => certificates.now();
}

/** `effective`: with the database that was started for it. */
function warnOfOpenness(config: Config, effective: Config, logger: Logger): void {
  const ofMemory = heldMemoryWarnings(config, machineBytes());
  const warnings = [...openToAll(config), ...untold(effective), ...ofMemory];
  for (const warning of warnings) logger.tell('config.warning', {}, warning);
}

async function claimPorts({ host, port, metricsPort }: Config, life: NodeLife): Promise<void> {
  life.owns(await claimPort(host, port));
  if (metricsPort !== null) life.owns(await claimPort(host, metricsPort, 'METRICS_PORT'));
}

function openDoor(
  of: Omit<NodeDoorOptions, 'deliver' | 'answer' | 'onTrouble'>,
  threads: () => NodeThreads | null,
): Promise<NodeDoor | null> {
  return NodeDoor.open({
    ...of,
    deliver: (worker, body) => threads()?.forwarded(worker, body),
    answer: async (question) => threads()?.answer(question) ?? null,
    onTrouble: (trouble) => threads()?.trouble(trouble),
  });
}

function refuse(trouble: string | null): void {
  if (trouble !== null) throw new StartRefused(trouble);
}

async function warnOfConnections(url: string, config: Config, logger: Logger): Promise<void> {
  const trouble = await connectionTrouble(url, config);
  if (trouble !== null) logger.tell('database.warning', {}, trouble);
}

interface Pools {
  /** The ends of ports for a thread of that kind: one for each database to catch up, one to browse. */
  openPorts: (kind: 'worker' | 'acceptor') => MessagePort[];
  stop: () => Promise<void>;
}

function openPools({ nodeId }: Config, urls: readonly string[], logger: Logger): Pools {
  const [databaseUrl = '', ...moreDatabaseUrls] = urls;
  const applicationName = `conduit/${nodeId}`;
  const colds = urls.map((url) => {
    const of = { task: 'read-page', databaseUrl: url } as const;
    return new ColdPool<ReadRange>({ ...of, applicationName: `${applicationName}/cold` });
  });
  const browse = new ColdPool<CallAsk<BrowseCall>>({
    ...{ task: 'browse', databaseUrl, moreDatabaseUrls },
    applicationName: `${applicationName}/browse`,
  });
  let state: 'open' | 'closed' = 'open';
  const onFault = (err: unknown): void => {
    if (state === 'open') logger.tell('log.read_failed', { err });
  };
  return {
    openPorts: (kind) => {
      if (kind === 'acceptor') {
        return [portTo((ask: CallAsk<BrowseCall>) => browse.run(ask), onFault)];
      }
      return colds.map((cold) => portTo((range: ReadRange) => cold.run(range), onFault));
    },
    stop: async () => {
      state = 'closed';
      await Promise.all([...colds, browse].map((pool) => pool.close()));
    },
  };
}

function portTo<Q>(
  run: (ask: Q) => Promise<PoolResult>,
  onFault: (error: unknown) => void,
): MessagePort {
  const { port1, port2 } = new MessageChannel();
  serveCold(port1, run, onFault);
  return port2;
}
