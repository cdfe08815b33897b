#!/usr/bin/env node
/** The `conduit` command: reads the command line, hands over to one command, sets the exit code. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { EXIT_CONFIG } from '../config/config.js';
import { ConfigError, effectiveOptions, loadConfig } from '../config/load-config.js';
import { LogConfigurationError } from '../log/log-configuration-error.js';
import { migrateCommand, serveCommand, startCommand } from './commands.js';

const EXIT_USAGE = 2;
const PACKAGE_FOLDER = fileURLToPath(new URL('../../../', import.meta.url));
const { version } = JSON.parse(readFileSync(`${PACKAGE_FOLDER}package.json`, 'utf8')) as {
  version: string;
};

const USAGE = `usage: conduit <command>

  serve     run a node as the environment says; without DATABASE_URL in memory
  start     the same, on an embedded PostgreSQL when DATABASE_URL is unset
  config    print the effective configuration
  migrate   bring the database of DATABASE_URL to this version's schema
  version   print the version
  help      print this
`;

const print = (text: string): void => {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
};
const complain = (line: string): void => {
  process.stderr.write(`conduit: ${line.split('\n', 1)[0]}\n`);
};

// A reader that went away (| head) is no fault of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
});

process.exitCode = await main(process.argv.slice(2));
// Handles that libraries leave open must not keep a node that has ended.
if (process.exitCode !== undefined) process.exit();

async function main(argv: string[]): Promise<number> {
  const command = readCommand(argv);
  if (command === null) return usage(`unknown command or option: ${argv.join(' ').slice(0, 60)}`);
  try {
    return await runCommand(command);
  } catch (error) {
    if (error instanceof ConfigError || error instanceof LogConfigurationError) {
      complain(error.message);
      return EXIT_CONFIG;
    }
    complain(error instanceof Error ? error.message : String(error));
    return 1;
  }
}

function readCommand(argv: string[]): string | null {
  try {
    const { values, positionals } = parseArgs({
      args: argv,
      allowPositionals: true,
      options: { help: { type: 'boolean', short: 'h' }, version: { type: 'boolean', short: 'v' } },
    });
    if (values.help === true) return 'help';
    if (values.version === true) return 'version';
    return positionals.length === 1 ? (positionals[0] ?? null) : null;
  } catch {
    return null;
  }
}

async function runCommand(command: string): Promise<number> {
  const context = { env: process.env, version, packageFolder: PACKAGE_FOLDER, print, complain };
  switch (command) {
    case 'serve':
      return serveCommand(context);
    case 'start':
      return startCommand(context);
    case 'migrate':
      return migrateCommand(context);
    case 'config':
      for (const { warnings } of [loadConfig(process.env)]) warnings.forEach(complain);
      print(effectiveOptions(process.env).map(formatOption).join('\n'));
      return 0;
    case 'version':
      print(version);
      return 0;
    case 'help':
      print(USAGE);
      return 0;
    default:
      return usage(`unknown command: ${command.slice(0, 60)}`);
  }
}

function formatOption(option: ReturnType<typeof effectiveOptions>[number]): string {
  const { env, value, source, text } = option;
  return `${env.padEnd(31)} ${(value || '-').padEnd(14)} ${source.padEnd(11)} ${text}`;
}

function usage(line: string): number {
  complain(line);
  process.stderr.write(USAGE);
  return EXIT_USAGE;
}
