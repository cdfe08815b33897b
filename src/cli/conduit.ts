#!/usr/bin/env node
/** The `conduit` command: reads the command line, hands over to one command, sets the exit code. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { EXIT_CONFIG } from '../config/config.js';
import { ConfigError } from '../config/load-config.js';
import { startExitCode } from '../supervisor/start-refused.js';
import {
  type CommandContext,
  configCommand,
  migrateCommand,
  printMigrationsCommand,
  serveCommand,
  startCommand,
} from './commands.js';

const EXIT_USAGE = 2;
const PRINT = 'migrate --print';
const SHOWN_CHARS_MAX = 60;

const USAGE = `usage: conduit <command>

  serve     run a node as the environment says; without DATABASE_URL in memory
  start     the same, on an embedded PostgreSQL when DATABASE_URL is unset
  config    print the effective configuration
  migrate   bring the database of DATABASE_URL to this version's schema;
            with --print only print the SQL, without DATABASE_URL of the whole schema
  version   print the version
  help      print this
`;

// A reader that went away (| head) is no fault of ours, and no reason for a node to end.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') process.exitCode = 1;
  });
}

const context = makeContext();
const exitCode = await main(process.argv.slice(2));
// Handles that libraries leave open must not keep a node that has ended.
process.exit(process.exitCode || exitCode);

async function main(argv: string[]): Promise<number> {
  const command = readCommand(argv);
  if (command === null) return usage(argv);
  try {
    return await runCommand(command, argv);
  } catch (error) {
    context.complain(error instanceof Error ? error.message : String(error));
    return exitCodeOf(error);
  }
}

/** Null when the line is none of ours. */
function readCommand(argv: string[]): string | null {
  try {
    const { values, positionals } = parseArgs({
      args: argv,
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean', short: 'v' },
        print: { type: 'boolean' },
      },
    });
    if (values.help === true) return 'help';
    if (values.version === true) return 'version';
    const [command = null, ...more] = positionals;
    if (values.print === true) return command === 'migrate' && more.length === 0 ? PRINT : null;
    return more.length === 0 ? command : null;
  } catch {
    return null;
  }
}

async function runCommand(command: string, argv: string[]): Promise<number> {
  switch (command) {
    case 'serve':
      return serveCommand(context);
    case 'start':
      return startCommand(context);
    case 'migrate':
      return migrateCommand(context);
    case PRINT:
      return printMigrationsCommand(context);
    case 'config':
      return configCommand(context);
    case 'version':
      context.print(context.version);
      return 0;
    case 'help':
      context.print(USAGE);
      return 0;
    default:
      return usage(argv);
  }
}

function usage(argv: string[]): number {
  const line = JSON.stringify(argv.join(' ').slice(0, SHOWN_CHARS_MAX));
  if (argv.length > 0) context.complain(`unknown command or option: ${line}`);
  process.stderr.write(USAGE);
  return EXIT_USAGE;
}

function exitCodeOf(error: unknown): number {
  return error instanceof ConfigError ? EXIT_CONFIG : startExitCode(error);
}

function makeContext(): CommandContext {
  const packageFolder = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');
  const manifest = readFileSync(`${packageFolder}/package.json`, 'utf8');
  const { version } = JSON.parse(manifest) as { version: string };
  return {
    env: process.env,
    version,
    packageFolder,
    output: process.stdout.isTTY ? 'terminal' : 'file',
    print: (text) => {
      process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
    },
    complain: (line) => {
      process.stderr.write(`conduit: ${line.split('\n', 1)[0]}\n`);
    },
  };
}
