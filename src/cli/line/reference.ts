/** docs/cli.md, made from the table of commands; a test holds the file to it. */

import { EXIT_CODES } from '../terminal/failure.js';
import { COMMON_OPTIONS, type LineCommand, NODE_OPTIONS } from './command.js';
import { optionRows, usageOf } from './help.js';

export function commandReference(commands: readonly LineCommand[]): string {
  return [INTRODUCTION, ...commands.map(sectionOf), ''].join('\n');
}

const INTRODUCTION = `# The command line

\`conduit\` runs a node, and is a client of one. Made by \`node dist/test/unit/cli/reference.test.js --write\` from the table of
commands, as \`conduit help\` and the completion of shells are.

## Where the node is

| variable | meaning |
|---|---|
| \`CONDUIT_URL\` | The node; \`http://localhost:8080\` without it. \`--url\` is stronger. |
| \`CONDUIT_API_KEY\` | The API key, where keys are asked for. There is no option for it: lines are seen by other users of the machine. |
| \`CONDUIT_CONTEXT\` | A name, such as \`prod\`: the node is \`CONDUIT_URL_PROD\` then, and the key \`CONDUIT_API_KEY_PROD\`. \`--context\` is stronger. |
| \`NO_COLOR\` | Nothing is coloured. So it is where the output is no terminal. |
| \`NODE_EXTRA_CA_CERTS\` | Of Node.js: the authority of a certificate of your own. |

Only \`serve\`, \`start\`, \`migrate\`, \`config\`, \`doctor\` and \`tenants grant-role\` read the variables of a node, \`DATABASE_URL\`
among them; all else goes by the HTTP API and the client, with the rights of the key.

## Output

What was asked for is on stdout, all else on stderr. With \`--json\` an answer is one JSON object, a list or a stream one
object a line (NDJSON), as the node sent it; an error is an object on stderr with \`code\`, \`detail\`, \`exit\` and what
the node said. Progress is shown where stderr is a terminal. Control characters in texts of others (payloads, reasons) are shown as
escapes: they cannot move a cursor. A reader that goes away (\`| head\`) ends a command with 0. Ctrl-C ends it in order,
a second one at once.

## Exit codes

| code | meaning |
|---|---|
${EXIT_CODES.map(({ code, text }) => `| ${code} | ${text} |`).join('\n')}

## Completion

\`\`\`sh
conduit completion bash > /etc/bash_completion.d/conduit       # or: eval "$(conduit completion bash)"
conduit completion zsh > "\${fpath[1]}/_conduit"                # or: eval "$(conduit completion zsh)", after compinit
conduit completion fish > ~/.config/fish/completions/conduit.fish
\`\`\`

## Options of all

| option | meaning |
|---|---|
${rowsOf(optionRows(COMMON_OPTIONS))}

Those that talk to a node also take

| option | meaning |
|---|---|
${rowsOf(optionRows(NODE_OPTIONS))}

Names of options and their values stand behind the command. A value that begins with \`-\` is written \`--name=-1\`; behind
\`--\` nothing is an option.

## Commands
`;

function rowsOf(rows: readonly (readonly [string, string])[]): string {
  return rows.map(([name, text]) => `| \`${name.replaceAll('|', '\\|')}\` | ${text} |`).join('\n');
}

function sectionOf(command: LineCommand): string {
  const { name, text, more, example, options } = command;
  const rows = rowsOf(optionRows(options));
  const table = rows === '' ? [] : ['', '| option | meaning |', '|---|---|', rows];
  return [
    `### ${name}`,
    '',
    text,
    ...(more === undefined ? [] : ['', more]),
    '',
    '```',
    usageOf(command),
    '```',
    ...table,
    '',
    '```sh',
    example,
    '```',
    '',
  ].join('\n');
}
