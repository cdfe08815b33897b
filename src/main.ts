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
import { openToAll } from './config/warnings.js';
import { describeDatabase } from './core/database-url.js';
import type { Peer } from './core/peer.js';
import type { ReadRange } from './log/contract/message-log.js';
import { connectionTrouble } from './log/postgres/session/connection-budget.js';
import { createLogger, type Logger } from './observe/logger.js';
import { banner, describeEmbedded } from './supervisor/banner.js';
import { readCertificate } from './supervisor/certificate.js';
import {
  CertificateReload,
  type CertificateReloadOptions,
} from './supervisor/certificate-reload.js';
import { prepareDatabase } from './supervisor/database.js';
import { startEmbeddedPostgres } from './supervisor/embedded-postgres.js';
import { letHeapsGrow } from './supervisor/heap-growth.js';
import { sampleMain } from './supervisor/main-metrics.js';
import { type NodeDirectory, startDirectory } from './supervisor/node-directory.js';
import { NodeDoor, type NodeDoorOptions } from './supervisor/node-door.js';
import { NodeLife } from './supervisor/node-life.js';
import { claimNodeName } from './supervisor/node-name.js';
import { enterNodes, nodePresence } from './supervisor/node-presence.js';
import { NodeThreads } from './supervisor/node-threads.js';
import { Patience } from './supervisor/patience.js';
import { claimPort } from './supervisor/port-claim.js';
import { StartRefused } from './supervisor/start-refused.js';
import type { BrowseCall, CallAsk } from './thread/calls.js';
import { nodeMemory } from './thread/node-memory.js';

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
  const { config, version, print, complain } = options;
  const logger = createLogger(config.logLevel, { thread: 'main' });
  for (const warning of options.warnings) logger.warn(warning);
  const { shutdownTimeoutMs, startWaitMs } = config.limits;
  const life = new NodeLife({ logger, shutdownTimeoutMs, complain });
  return life.run(async () => {
    const patience = new Patience({ waitMs: startWaitMs, report: (line) => logger.warn(line) });
    const shown = await readCertificate(config);
    for (const warning of shown?.warnings ?? []) logger.warn(warning);
    await claimPorts(config, life);
    const { id: nodeId } = life.owns(await claimNodeName(config));
    refuse(await nativeModuleTrouble());
    const { databaseUrl, logPlace } = await reachLog(options, { life, logger, patience });
    const effective = Object.freeze({ ...config, nodeId, databaseUrl });
    const node = { config: effective, version, bootId: randomUUID(), memory: nodeMemory(config) };
    let threads: NodeThreads | null = null;
    const door = await openDoor({ ...node, logger }, () => threads);
    if (door !== null) life.owns(door);
    let living: readonly Peer[] = [];
    let pools: Pools | null = null;
    if (databaseUrl !== null) {
      const presence = life.owns(
        nodePresence({
          ...{ ...node, databaseUrl, logger },
          onLiving: (peers) => {
            living = peers;
            door?.place(peers);
            threads?.place(peers);
          },
          onDrain: life.drain,
          onTaken: (line) => life.end({ line, exitCode: EXIT_CONFIG }),
          onTrouble: (trouble) => threads?.trouble(trouble),
          onWell: (kinds) => threads?.well(kinds),
        }),
      );
      await life.untilEnd(enterNodes(presence, patience));
      pools = life.owns(openPools(effective, databaseUrl, logger));
    }
    letHeapsGrow();
    let directory: NodeDirectory | null = null;
    if (config.enableAuth) {
      directory = life.owns(
        await startDirectory({
          ...{ config: effective, logger, output: options.output },
          onChanged: (ids) => threads?.keysChanged(ids),
          onQuotas: (quotas) => threads?.quotasChanged(quotas),
        }),
      );
    }
    threads = new NodeThreads({
      ...{ ...node, logger, door, onDrain: life.drain },
      openPool: pools?.openPort ?? null,
      openDirectory: directory?.openPort ?? null,
      tokenSecret: directory?.tokenSecret ?? null,
      quotas: directory?.quotas ?? (() => []),
      waitToOpen: (why) => patience.pause(`DATABASE_URL: the log cannot be opened: ${why}`),
      onFatal: (line, exitCode) => life.end({ line, exitCode }),
    });
    life.owns(sampleMain(node.memory, life.owns(threads)));
    threads.place(living);
    if (shown !== null) reloadAtHangUp(life, { config, shown, logger }, threads);
    await life.untilEnd(threads.start());
    warnOfOpenness(config, logger);
    print(banner({ config, version, logPlace, firstKey: directory?.firstKey ?? null }));
  });
}

interface StartMeans {
  life: NodeLife;
  logger: Logger;
  patience: Patience;
}

/** The database with this version's schema, and where it is, in words; null, both: messages are in memory. */
async function reachLog(
  { config, embeddedIn }: NodeOptions,
  { life, logger, patience }: StartMeans,
): Promise<{ databaseUrl: string | null; logPlace: string | null }> {
  let { databaseUrl } = config;
  let logPlace = databaseUrl === null ? null : `PostgreSQL at ${describeDatabase(databaseUrl)}`;
  if (embeddedIn !== null) {
    const request = {
      ...{ packageFolder: embeddedIn, dataDir: config.dataDir },
      workingFolder: process.cwd(),
    };
    const postgres = life.owns(await startEmbeddedPostgres(request, config.port));
    databaseUrl = postgres.url;
    logPlace = describeEmbedded(postgres);
    if (postgres.note !== null) logger.warn(postgres.note);
  }
  if (databaseUrl === null) return { databaseUrl, logPlace };
  const prepared = await life.untilEnd(prepareDatabase(databaseUrl, patience));
  for (const name of prepared.applied) logger.info({ name }, 'migrated');
  await warnOfConnections(prepared.databaseUrl, config, logger);
  return { databaseUrl: prepared.databaseUrl, logPlace };
}

function reloadAtHangUp(
  life: NodeLife,
  of: Omit<CertificateReloadOptions, 'reload'>,
  threads: NodeThreads,
): void {
  const certificates = new CertificateReload({ ...of, reload: () => threads.reloadCertificate() });
  life.onHangUp = () => certificates.now();
}

function warnOfOpenness(config: Config, logger: Logger): void {
  for (const warning of openToAll(config)) logger.warn(warning);
  for (const warning of heldMemoryWarnings(config, machineBytes())) logger.warn(warning);
}

async function claimPorts({ host, port, metricsPort }: Config, life: NodeLife): Promise<void> {
  life.owns(await claimPort(host, port));
  if (metricsPort !== null) life.owns(await claimPort(host, metricsPort, 'METRICS_PORT'));
}

function openDoor(
  of: Omit<NodeDoorOptions, 'deliver' | 'onTrouble'>,
  threads: () => NodeThreads | null,
): Promise<NodeDoor | null> {
  return NodeDoor.open({
    ...of,
    deliver: (worker, body) => threads()?.forwarded(worker, body),
    onTrouble: (trouble) => threads()?.trouble(trouble),
  });
}

function refuse(trouble: string | null): void {
  if (trouble !== null) throw new StartRefused(trouble);
}

async function warnOfConnections(url: string, config: Config, logger: Logger): Promise<void> {
  const trouble = await connectionTrouble(url, config);
  if (trouble !== null) logger.warn(trouble);
}

interface Pools {
  /** The end of a port for a thread of that kind: workers catch up, acceptors browse. */
  openPort: (kind: 'worker' | 'acceptor') => MessagePort;
  stop: () => Promise<void>;
}

function openPools({ nodeId }: Config, databaseUrl: string, logger: Logger): Pools {
  const applicationName = `conduit/${nodeId}`;
  const cold = new ColdPool<ReadRange>({
    ...{ task: 'read-page', databaseUrl },
    applicationName: `${applicationName}/cold`,
  });
  const browse = new ColdPool<CallAsk<BrowseCall>>({
    ...{ task: 'browse', databaseUrl },
    applicationName: `${applicationName}/browse`,
  });
  let state: 'open' | 'closed' = 'open';
  const onFault = (err: unknown): void => {
    if (state === 'open') logger.error({ err }, 'a read of the log failed in its thread');
  };
  return {
    openPort: (kind) => {
      const { port1, port2 } = new MessageChannel();
      if (kind === 'worker') serveCold(port1, (range: ReadRange) => cold.run(range), onFault);
      else serveCold(port1, (ask: CallAsk<BrowseCall>) => browse.run(ask), onFault);
      return port2;
    },
    stop: async () => {
      state = 'closed';
      await Promise.all([cold.close(), browse.close()]);
    },
  };
}
