/** What each command of the CLI does, once the command line was read. */
import { ConfigError, type Environment, loadConfig } from '../config/load-config.js';
import { checkDatabase } from '../log/database-check.js';
import { migrate } from '../log/migrations.js';
import { runNode } from '../main.js';
import {
  type EmbeddedPostgres,
  EmbeddedPostgresError,
  startEmbeddedPostgres,
} from '../supervisor/embedded-postgres.js';
import { probePort } from '../supervisor/port-probe.js';

export interface CommandContext {
  env: Environment;
  version: string;
  packageFolder: string;
  print: (text: string) => void;
  complain: (line: string) => void;
}

/** A node exactly as the environment says. Resolves with the exit code when it has ended. */
export async function serveCommand(context: CommandContext): Promise<number> {
  const { config, warnings } = loadConfig(context.env);
  warnings.forEach(context.complain);
  const { version, print, complain } = context;
  return runNode({ config, version, logPlace: null, print, complain });
}

/** A durable node: on the embedded PostgreSQL unless DATABASE_URL names another. */
export async function startCommand(context: CommandContext): Promise<number> {
  const { config } = loadConfig(context.env);
  if (config.databaseUrl !== null) return serveCommand(context);
  const taken = await probePort(config.host, config.port);
  if (taken !== null) throw new ConfigError(taken);
  const postgres = await startPostgres(context);
  const env = { ...context.env, DATABASE_URL: postgres.url };
  const { config: durable, warnings } = loadConfig(env);
  warnings.forEach(context.complain);
  const { version, print, complain } = context;
  const how = postgres.adopted ? 'found running' : 'started';
  const logPlace = `embedded PostgreSQL, ${how}, data in ${postgres.dataDir}`;
  try {
    return await runNode({ config: durable, version, logPlace, print, complain });
  } finally {
    await postgres.stop();
  }
}

/** Migrates and says what ran. */
export async function migrateCommand(context: CommandContext): Promise<number> {
  const { databaseUrl } = loadConfig(context.env).config;
  if (databaseUrl === null) throw new ConfigError('DATABASE_URL: unset; migrate needs it');
  const trouble = await checkDatabase(databaseUrl);
  if (trouble !== null) throw new ConfigError(trouble);
  const applied = await migrate(databaseUrl);
  for (const name of applied) context.print(`applied ${name}`);
  if (applied.length === 0) context.print('nothing to do: the schema is up to date');
  return 0;
}

async function startPostgres(context: CommandContext): Promise<EmbeddedPostgres> {
  try {
    return await startEmbeddedPostgres(context.packageFolder.replace(/\/$/, ''));
  } catch (error) {
    if (error instanceof EmbeddedPostgresError) throw new ConfigError(error.message);
    throw error;
  }
}
