// Goal: docs/cli.md says what the table of commands says, and each command has what help needs. `--write`
// makes it again.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { PACKAGE_FOLDER } from '../../../native-bench/rig/node.js';
import { COMMANDS } from '../../../src/cli/command-list.js';
import { optionsOf } from '../../../src/cli/line/command.js';
import { readLine, readOptions } from '../../../src/cli/line/command-line.js';
import { helpOf, overview } from '../../../src/cli/line/help.js';
import { commandReference } from '../../../src/cli/line/reference.js';

const FILE = path.join(PACKAGE_FOLDER, 'docs/cli.md');
const made = commandReference(COMMANDS);
if (process.argv.includes('--write')) writeFileSync(FILE, made);

t.test('docs/cli.md is up to date', async (t) => {
  t.ok(readFileSync(FILE, 'utf8') === made, 'node dist/test/unit/cli/reference.test.js --write');
});

t.test('each command is in help, by its name, with an example that it takes', async (t) => {
  t.ok(COMMANDS.length > 30);
  t.equal(new Set(COMMANDS.map(({ name }) => name)).size, COMMANDS.length);
  for (const command of COMMANDS) {
    t.match(overview(COMMANDS), `  ${[command.name, ...command.takes].join(' ')}`);
    t.match(helpOf(command), command.example);
    const argv = wordsOf(command.example);
    const line = readLine(argv, COMMANDS);
    t.match(line, { asks: 'run', command: { name: command.name } }, command.example);
    t.doesNotThrow(() => readOptions(argv, command), command.example);
  }
});

t.test('a word means the same in every command', async (t) => {
  const kinds = new Map<string, string>();
  for (const command of COMMANDS) {
    for (const [name, { kind }] of Object.entries(optionsOf(command))) {
      const text = kinds.get(name) ?? kind;
      // `text` of pub and `key` of others may differ in what they say, not in how they are written.
      t.equal(kind, name === 'topic' ? kind : text, `${command.name} --${name}`);
      kinds.set(name, text);
    }
  }
});

/** Of `conduit` in the example: what a shell makes of it, up to a pipe or a redirection. */
function wordsOf(example: string): string[] {
  const [, line = ''] = /(?<![\w/])conduit ([^|>)]*)/.exec(example) ?? [];
  const words = line.match(/"[^"]*"|\S+/g) ?? [];
  return words.map((word) => word.replaceAll('"', ''));
}
