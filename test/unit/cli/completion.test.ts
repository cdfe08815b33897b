// Goal: a shell completes what the table has. Bash is asked itself; the scripts of zsh and fish are looked
// at, and parsed where these are installed.
import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import t from 'tap';
import { COMMANDS } from '../../../src/cli/command-list.js';
import { dashed, optionsOf } from '../../../src/cli/line/command.js';
import { completionScript, SHELLS } from '../../../src/cli/line/completion.js';

const run = promisify(execFile);

async function bashAnswers(...words: string[]): Promise<string[]> {
  const script = `${completionScript('bash', COMMANDS)}
COMP_WORDS=(conduit "$@"); COMP_CWORD=$#; _conduit; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = await run('bash', ['-c', script, 'bash', ...words]);
  return stdout.split('\n').filter((word) => word !== '');
}

t.test('bash completes commands, then options', async (t) => {
  t.same(await bashAnswers('topi'), ['topics']);
  t.same(await bashAnswers('topics', 'c'), ['create', 'change']);
  t.same(await bashAnswers('topics', 'list', '--li'), ['--limit']);
  t.same(await bashAnswers('pub', 'demo', '--dedupe'), ['--dedupe-key']);
  t.same(await bashAnswers('nothing', 'x'), []);
  const first = new Set(COMMANDS.map(({ name }) => name.split(' ')[0] ?? ''));
  const offered = await bashAnswers('');
  for (const word of first) t.ok(offered.includes(word), word);
});

t.test('each shell is told of each command and option', async (t) => {
  for (const shell of SHELLS) {
    const script = completionScript(shell, COMMANDS);
    for (const command of COMMANDS) {
      t.match(script, command.name.split(' ').at(-1) ?? '', `${shell} ${command.name}`);
      for (const name of Object.keys(optionsOf(command))) {
        t.match(script, shell === 'fish' ? `-l ${dashed(name)}` : `--${dashed(name)}`);
      }
    }
    const parsed = spawnSync(shell, ['-n'], { input: script, encoding: 'utf8' });
    if (parsed.error === undefined) t.equal(parsed.stderr, '', `${shell} -n`);
  }
});
