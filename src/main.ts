/**
 * Composition root of the node: what it needs, in the order in which it starts; it stops in
 * reverse. Resolves with the process's exit code once the node has ended.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { nativeModuleTrouble } from './acceptor/native-module.js';
import { ColdPool } from './cold/cold-pool.js';
import { serveCold } from './cold/cold-port.js';
import type { Config } from './config/config.js';
import { describeDatabase } from './core/database-url.js';
import { createLogger } from './observe/logger.js';
import { banner, describeEmbedded } from './supervisor/banner.js';
import { prepareDatabase } from './supervisor/database.js';
import { startEmbeddedPostgres } from './supervisor/embedded-postgres.js';
import { letHeapsGrow } from './supervisor/heap-growth.js';
import { NodeLife } from './supervisor/node-life.js';
import { NodeThreads } from './supervisor/node-threads.js';
import { claimPort } from './supervisor/port-claim.js';
import { StartRefused } from './supervisor/start-refused.js';

export interface NodeOptions {
  config: Config;
  /** What to tell the operator about the configuration, one line each. */
  warnings: readonly string[];
  version: string;
  /**
   * Where package.json lies, when the node brings its own PostgreSQL; null: as DATABASE_URL says.
   */
  embeddedIn: string | null;
  print: (text: string) => void;
  complain: (line: string) => void;
}

export async function runNode(options: NodeOptions): Promise<number> {
  const { config, version, embeddedIn, print, complain } = options;
  const logger = createLogger(config.logLevel, { thread: 'main' });
  for (const warning of options.warnings) logger.warn(warning);
  const { shutdownTimeoutMs } = config.limits;
  const life = new NodeLife({ logger, shutdownTimeoutMs, complain });
  return life.run(async () => {
    life.owns(await claimPort(config.host, config.port));
    refuse(await nativeModuleTrouble());
    let { databaseUrl } = config;
    let logPlace = databaseUrl === null ? null : `PostgreSQL at ${describeDatabase(databaseUrl)}`;
    if (embeddedIn !== null) {
      const postgres = life.owns(await startEmbeddedPostgres(embeddedIn));
      databaseUrl = postgres.url;
      logPlace = describeEmbedded(postgres);
    }
    let pool: ColdPool | null = null;
    if (databaseUrl !== null) {
      const applied = await life.untilEnd(prepareDatabase(databaseUrl));
      for (const name of applied) logger.info({ name }, 'migrated');
      pool = openColdPool(config, databaseUrl);
      life.owns({ stop: () => pool?.close() ?? Promise.resolve() });
    }
    letHeapsGrow();
    const threads = new NodeThreads({
      config: Object.freeze({ ...config, databaseUrl }),
      version,
      logger,
      openCold: pool === null ? null : openColdPort.bind(null, pool),
      onFatal: (line, exitCode) => life.end({ line, exitCode }),
    });
    life.owns(threads);
    await life.untilEnd(threads.start());
    print(banner({ config, version, logPlace }));
  });
}

function refuse(trouble: string | null): void {
  if (trouble !== null) throw new StartRefused(trouble);
}

function openColdPool(config: Config, databaseUrl: string): ColdPool {
  return new ColdPool({ databaseUrl, applicationName: `conduit/${config.nodeId}/cold` });
}

/** The worker's end of a port to the pool. */
function openColdPort(pool: ColdPool): MessagePort {
  const { port1, port2 } = new MessageChannel();
  serveCold(port1, (range) => pool.read(range));
  return port2;
}
