/** What each command of the CLI does, once the command line was read. */

import { effectiveTable } from '../config/effective.js';
import type { Environment } from '../config/environment.js';
import { heldMemoryTable, machineBytes } from '../config/held-memory.js';
import { ConfigError, loadConfig, refuseSeparateLogs } from '../config/load-config.js';
import { withLocalDefaults } from '../config/local-defaults.js';
import { connectionsLine } from '../log/postgres/session/connection-budget.js';
import { runNode } from '../main.js';
import { pendingSql, prepareDatabase } from '../supervisor/database.js';
import { Patience } from '../supervisor/patience.js';

export interface CommandContext {
  env: Environment;
  version: string;
  /** Where package.json lies. */
  packageFolder: string;
  /** What `print` goes to. */
  output: 'terminal' | 'file';
  print: (text: string) => void;
  complain: (line: string) => void;
}

/** A node exactly as the environment says. Resolves with the exit code when it has ended. */
export async function serveCommand(context: CommandContext): Promise<number> {
  const loaded = loadConfig(context.env);
  refuseSeparateLogs(loaded.config);
  return runNode({ ...context, ...loaded, embeddedIn: null });
}

/**
 * A durable node: on an embedded PostgreSQL unless DATABASE_URL names another, and for this machine
 * unless HOST says otherwise.
 */
export async function startCommand(context: CommandContext): Promise<number> {
  const loaded = loadConfig(withLocalDefaults(context.env));
  const embeddedIn = loaded.config.databaseUrl === null ? context.packageFolder : null;
  return runNode({ ...context, ...loaded, embeddedIn });
}

/** Prints every variable with its value and where it comes from. */
export async function configCommand({ env, print, complain }: CommandContext): Promise<number> {
  const { config, warnings } = loadConfig(env);
  print(effectiveTable(config, env));
  print(`\n${heldMemoryTable(config, machineBytes())}`);
  print(`\n${connectionsLine(config)}`);
  warnings.forEach(complain);
  return 0;
}

/** Migrates and says what ran. */
export async function migrateCommand({ env, print, complain }: CommandContext): Promise<number> {
  const { databaseUrl, limits } = loadConfig(env).config;
  if (databaseUrl === null) throw new ConfigError('DATABASE_URL: is unset; migrate needs it');
  const patience = new Patience({ waitMs: limits.startWaitMs, report: complain });
  const { applied } = await prepareDatabase(databaseUrl, patience);
  for (const name of applied) print(`applied ${name}`);
  if (applied.length === 0) print('nothing to do: the schema is up to date');
  return 0;
}

/** Prints the SQL that migrate would run, for whoever runs it by hand; without a database, of all. */
export async function printMigrationsCommand(context: CommandContext): Promise<number> {
  const { env, print, complain } = context;
  const { databaseUrl, limits } = loadConfig(env).config;
  const patience = new Patience({ waitMs: limits.startWaitMs, report: complain });
  print(await pendingSql(databaseUrl, patience));
  return 0;
}
