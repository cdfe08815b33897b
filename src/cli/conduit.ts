#!/usr/bin/env node
/** The `conduit` command: reads the command line, hands over to one command, sets the exit code. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { EXIT_CONFIG } from '../config/config.js';
import { ConfigError } from '../config/load-config.js';
import { startExitCode } from '../supervisor/start-refused.js';
import { COMMANDS } from './command-list.js';
import type { LineCommand } from './line/command.js';
import { type Line, readLine, readOptions } from './line/command-line.js';
import { helpOf, overview, usageOf } from './line/help.js';
import { CommandFailure, EXIT_DONE, wrongLine } from './terminal/failure.js';
import { Shell } from './terminal/shell.js';

const argv = process.argv.slice(2);
const shell = makeShell();
const exitCode = await main();
// Handles that libraries leave open must not keep a node that has ended.
process.exit(process.exitCode || exitCode);

async function main(): Promise<number> {
  let command: LineCommand | null = null;
  try {
    const line = readLine(argv, COMMANDS);
    if (line.asks === 'run') command = line.command;
    return await runLine(line);
  } catch (error) {
    return endWith(error, command);
  }
}

async function runLine(line: Line): Promise<number> {
  switch (line.asks) {
    case 'version':
      shell.print(shell.version);
      return EXIT_DONE;
    case 'help':
      shell.print(helpText(line));
      return EXIT_DONE;
    default: {
      const { args, options } = readOptions(argv, line.command);
      return line.command.run({ args, options, shell });
    }
  }
}

/** Of a command, of those of a group, or of all. */
function helpText({ command, words }: Extract<Line, { asks: 'help' }>): string {
  if (command !== null) return helpOf(command);
  const [group] = words;
  if (group === undefined) return overview(COMMANDS);
  if (COMMANDS.some(({ name }) => name.startsWith(`${group} `))) return overview(COMMANDS, group);
  throw wrongLine(`there is no command ${JSON.stringify(group.slice(0, 60))}`);
}

function endWith(error: unknown, command: LineCommand | null): number {
  const code = exitCodeOf(error);
  const line = error instanceof Error ? error.message : String(error);
  if (shell.mode === 'people') shell.complain(line);
  else {
    const problem = error instanceof CommandFailure ? error.problem : {};
    shell.complainJson({ code: 'failed', detail: line, ...problem, exit: code });
  }
  if (code === 2 && shell.mode === 'people') process.stderr.write(usageText(command));
  return code;
}

function usageText(command: LineCommand | null): string {
  if (command === null) return `\n${overview(COMMANDS)}`;
  return `usage: ${usageOf(command)}; conduit ${command.name} --help says more\n`;
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommandFailure) return error.exitCode;
  return error instanceof ConfigError ? EXIT_CONFIG : startExitCode(error);
}

function makeShell(): Shell {
  const packageFolder = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');
  const manifest = readFileSync(`${packageFolder}/package.json`, 'utf8');
  const { version } = JSON.parse(manifest) as { version: string };
  // Before the line is read: what is wrong with it is told so, too.
  const end = argv.indexOf('--');
  const mode = argv.slice(0, end < 0 ? undefined : end).includes('--json') ? 'json' : 'people';
  return new Shell({ env: process.env, version, packageFolder, mode });
}
