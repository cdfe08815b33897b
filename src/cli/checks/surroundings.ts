/** What a node would find here: its configuration, versions, database, Redis, and its address for others. */

import http from 'node:http';
import https from 'node:https';
import type { Config } from '../../config/config.js';
import { heldMemoryWarnings, machineBytes } from '../../config/held-memory.js';
import { loadConfig } from '../../config/load-config.js';
import type { Shell } from '../terminal/shell.js';
import { type Check, failed, ok, skipped, warning, wordsOf } from './check.js';

const CONFIG_ADVICE = 'conduit config shows every variable, and what it takes';
const REACH_MS = 3_000;
/** Beyond it times in logs and answers tell another story. */
const CLOCK_AHEAD_MS_MAX = 1_000;

/** Null: the configuration cannot be read; what is wrong with it is among the checks. */
export function checkConfiguration({ env }: Shell): { config: Config | null; checks: Check[] } {
  const name = 'configuration';
  try {
    const { config, warnings } = loadConfig(env);
    const all = [...warnings, ...heldMemoryWarnings(config, machineBytes())];
    const checks = all.map((line) => warning(name, line, CONFIG_ADVICE));
    if (checks.length === 0)
      checks.push(ok(name, `${config.workers} workers, port ${config.port}`));
    return { config, checks };
  } catch (error) {
    return { config: null, checks: [failed(name, wordsOf(error), CONFIG_ADVICE)] };
  }
}

export async function checkVersions({ version }: Shell): Promise<Check> {
  const detail = `Conduit ${version}, Node.js ${process.version}, ${process.platform} ${process.arch}`;
  const { nativeModuleTrouble } = await import('../../acceptor/native-module.js');
  const trouble = await nativeModuleTrouble();
  if (trouble === null) return ok('versions', detail);
  return failed('versions', `${detail}: ${trouble}`, 'README.md, "Swapping uWebSockets.js"');
}

export async function checkDatabase(config: Config): Promise<Check[]> {
  const { databaseUrl } = config;
  if (databaseUrl === null) {
    return [
      skipped('database', 'DATABASE_URL is unset: conduit serve would keep messages in memory'),
    ];
  }
  const urls = [databaseUrl, ...config.moreDatabaseUrls];
  const checks = await Promise.all(urls.map((url) => checkOne(url, config)));
  if (urls.length === 1) return checks.flat();
  return checks.flatMap((some, n) =>
    some.map((check) => ({ ...check, check: `${n + 1}: ${check.check}` })),
  );
}

async function checkOne(databaseUrl: string, config: Config): Promise<Check[]> {
  const { checkDatabase: reach } = await import('../../log/postgres/session/database-check.js');
  const reached = await reach(databaseUrl);
  if (reached.state !== 'reached') {
    const advice =
      reached.state === 'refused'
        ? 'put DATABASE_URL right: docs/operations.md, "DATABASE_URL"'
        : 'see that PostgreSQL runs and takes connections; a node would wait START_WAIT_MS for it';
    return [failed('database', reached.trouble, advice)];
  }
  try {
    return await examined(reached.databaseUrl, config);
  } catch (error) {
    const line = `it broke off while it was asked: ${wordsOf(error)}`;
    return [failed('database', line, "see PostgreSQL's own log")];
  }
}

async function examined(databaseUrl: string, config: Config): Promise<Check[]> {
  const { examineDatabase } = await import('../../log/postgres/upkeep/examination.js');
  const { connectionTrouble, connectionsLine } = await import(
    '../../log/postgres/session/connection-budget.js'
  );
  const found = await examineDatabase(databaseUrl);
  const room = await connectionTrouble(databaseUrl, config);
  const { settings, writable, privileges, dropsLeaves, pending, migrationsTrouble } = found;
  const times = `PostgreSQL ${found.serverVersion}, answers in ${found.roundTripMs.toFixed(1)} ms`;
  const checks = [ok('database', times)];
  checks.push(
    settings === null
      ? ok('database settings', 'fsync, full_page_writes and synchronous_commit are on')
      : failed('database settings', settings, 'set it so, and reload PostgreSQL'),
  );
  if (!writable) {
    const line = 'it takes no writes: a standby, or default_transaction_read_only';
    checks.push(failed('database settings', line, 'name the primary in DATABASE_URL'));
  }
  checks.push(
    room === null
      ? ok('database connections', connectionsLine(config))
      : warning('database connections', room, 'raise max_connections, or lower WORKERS'),
  );
  if (migrationsTrouble !== null) {
    checks.push(failed('schema', migrationsTrouble, 'docs/operations.md, "Roles" and "Upgrades"'));
  } else if (pending.length > 0) {
    const line = `${pending.length} migrations have not run, ${pending[0]} the first`;
    checks.push(warning('schema', line, 'conduit migrate, or the start of a node, runs them'));
  } else checks.push(ok('schema', "is this version's"));
  checks.push(...privilegeChecks(privileges, pending.length === 0, dropsLeaves), clockCheck(found));
  return checks;
}

function privilegeChecks(trouble: string | null, known: boolean, dropsLeaves: boolean): Check[] {
  const name = 'privileges';
  if (!known) return [skipped(name, 'are asked once the schema is there')];
  if (trouble !== null) return [failed(name, trouble, 'docs/operations.md, "Roles"')];
  if (dropsLeaves) return [ok(name, 'the role may do all that a node does')];
  const line = 'the role may not drop days of the log that are past retention';
  return [warning(name, line, 'make it a member of the owner, or drop them as the owner')];
}

function clockCheck({
  clockAheadMs,
  roundTripMs,
}: {
  clockAheadMs: number;
  roundTripMs: number;
}): Check {
  const ahead = Math.round(clockAheadMs);
  const line = `the database's clock is ${Math.abs(ahead)} ms ${ahead < 0 ? 'behind' : 'before'} this machine's`;
  if (Math.abs(ahead) <= CLOCK_AHEAD_MS_MAX + roundTripMs) return ok('clock', line);
  const advice = "run a time service on both; Conduit goes by the database's clock either way";
  return warning('clock', line, advice);
}

export async function checkRedis({ redisUrl, clusterName }: Config): Promise<Check> {
  if (redisUrl === null)
    return skipped('redis', 'REDIS_URL is unset: nodes find what others publish by looking');
  const { redisEchoMs } = await import('../../backplane/redis-echo.js');
  try {
    const ms = await redisEchoMs(redisUrl, clusterName);
    return ok('redis', `what is published comes back in ${ms.toFixed(1)} ms`);
  } catch (error) {
    const advice = 'see that Redis runs, and that REDIS_URL has its user and password';
    return failed('redis', wordsOf(error), advice);
  }
}

/** Whether other nodes would find this one there. */
export async function checkAddress({ env }: Shell, config: Config): Promise<Check> {
  const name = 'NODE_ADDR';
  const { nodeAddr, tlsCertFile } = config;
  if (env[name] === undefined || nodeAddr === null)
    return skipped(name, 'is unset: other nodes are told the name of this machine');
  const url = `${tlsCertFile === null ? 'http' : 'https'}://${nodeAddr}/livez`;
  try {
    const status = await statusOf(url);
    if (status === 200) return ok(name, `a node answers at ${nodeAddr}`);
    return failed(
      name,
      `${nodeAddr} answers ${status}`,
      'NODE_ADDR is the host:port of the node itself',
    );
  } catch (error) {
    const advice =
      'start the node, or put NODE_ADDR right: host:port at which other nodes reach it';
    return failed(name, `nothing answers at ${nodeAddr}: ${wordsOf(error)}`, advice);
  }
}

/** Nodes call each other by address, whatever their certificate names. */
function statusOf(url: string): Promise<number> {
  const { get } = url.startsWith('https:') ? https : http;
  const options = { rejectUnauthorized: false, agent: false, timeout: REACH_MS };
  return new Promise((resolve, reject) => {
    const asked = get(url, options, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    asked.once('timeout', () => asked.destroy(new Error(`no answer within ${REACH_MS} ms`)));
    asked.once('error', reject);
  });
}
