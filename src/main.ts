/**
 * Composition root of the node: starts what it needs in order, stops it in reverse. Resolves with the
 * process's exit code once the node has ended.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { ColdPool } from './cold/cold-pool.js';
import { serveCold } from './cold/cold-port.js';
import { type Config, EXIT_CONFIG } from './config/config.js';
import { checkDatabase } from './log/database-check.js';
import { migrate } from './log/migrations.js';
import { createLogger } from './observe/logger.js';
import { banner, describeDatabase } from './supervisor/banner.js';
import { NodeThreads } from './supervisor/node-threads.js';
import { probePort } from './supervisor/port-probe.js';
import { onSignals } from './supervisor/signals.js';

export interface NodeOptions {
  config: Config;
  version: string;
  /** Where the log lies when it is not what DATABASE_URL says in plain words. */
  logPlace: string | null;
  print: (text: string) => void;
  /** One line that says why the node does not start, or did not end well. */
  complain: (line: string) => void;
}

export async function runNode(options: NodeOptions): Promise<number> {
  const { config, version, print, complain } = options;
  const logger = createLogger(config.logLevel, { thread: 'main' });
  const taken = await probePort(config.host, config.port);
  if (taken !== null) {
    complain(taken);
    return EXIT_CONFIG;
  }
  const { databaseUrl } = config;
  let logPlace = options.logPlace;
  if (databaseUrl !== null) {
    const trouble = await checkDatabase(databaseUrl);
    if (trouble !== null) {
      complain(trouble);
      return EXIT_CONFIG;
    }
    for (const name of await migrate(databaseUrl)) logger.info({ name }, 'migrated');
    logPlace ??= describeDatabase(databaseUrl);
  }
  const pool = databaseUrl === null ? null : openColdPool(config, databaseUrl);
  return new Promise((resolve) => {
    let ended = false;
    const end = (exitCode: number): void => {
      ended = true;
      resolve(exitCode);
    };
    const threads = new NodeThreads({
      config,
      version,
      logger,
      openCold: pool === null ? null : () => openColdPort(pool),
      onFatal: (detail, exitCode) => {
        if (!ended) complain(detail);
        end(exitCode);
      },
    });
    const stop = async (): Promise<number> => {
      await threads.drain();
      await threads.stop();
      await pool?.close();
      return 0;
    };
    onSignals({
      onFirst: (signal) => {
        logger.info({ signal }, 'draining');
        const timeout = delay(config.limits.shutdownTimeoutMs, 1, { ref: false });
        Promise.race([stop(), timeout]).then(
          (exitCode) => {
            if (exitCode !== 0) complain('the node did not drain within SHUTDOWN_TIMEOUT_MS');
            end(exitCode);
          },
          (error: unknown) => {
            complain(`the node did not stop cleanly: ${String(error)}`);
            end(1);
          },
        );
      },
      onSecond: (exitCode) => process.exit(exitCode),
    });
    threads.start().then(
      () => print(banner({ config, version, logPlace })),
      (error: unknown) => {
        complain(String(error));
        end(1);
      },
    );
  });
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
