// Goal: a command line is what the table says, or is refused with what is wrong and what was meant.
import t from 'tap';
import { COMMANDS } from '../../../src/cli/command-list.js';
import { readLine, readOptions } from '../../../src/cli/line/command-line.js';
import { CommandFailure } from '../../../src/cli/terminal/failure.js';

function read(line: string) {
  const argv = line === '' ? [] : line.split(' ');
  const read = readLine(argv, COMMANDS);
  if (read.asks !== 'run') return read;
  return { name: read.command.name, ...readOptions(argv, read.command) };
}

function refusalOf(line: string): string {
  try {
    read(line);
    return 'taken';
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    t.equal(error.exitCode, 2, line);
    return error.message;
  }
}

t.test('what is taken', async (t) => {
  t.match(read('topics list'), { name: 'topics list', args: [], options: { limit: null } });
  t.match(read('topics list --prefix a --limit=5'), { options: { prefix: 'a', limit: 5 } });
  t.match(read('--json topics list'), { options: { json: true } });
  t.match(read('--url http://n topics show x'), { args: ['x'], options: { url: 'http://n' } });
  t.match(read('keys create --scope publish --scope=manage'), {
    options: { scope: ['publish', 'manage'] },
  });
  t.match(read('pub t -- -5'), { name: 'pub', args: ['t', '-5'] });
  t.match(read('pub t -- --help'), { args: ['t', '--help'] });
  t.match(read('pub t -'), { args: ['t', '-'] });
  t.match(read('dlq purge 1 2 3'), { args: ['1', '2', '3'] });
  t.match(read('topics list --help'), { asks: 'help', command: { name: 'topics list' } });
  t.match(read('help topics'), { asks: 'help', command: null, words: ['topics'] });
  t.match(read('-h'), { asks: 'help', command: null });
  t.match(read('-v'), { asks: 'version' });
});

t.test('what is refused, and with which words', async (t) => {
  const refused: [string, RegExp][] = [
    ['', /^which command\?$/],
    ['-x', /^unknown command or option: "-x"$/],
    ['topcis list', /unknown command or option: "topcis"; did you mean topics\?/],
    ['topics', /topics what\? It takes list, show, create, change, move, delete/],
    ['topics lst', /unknown command: topics "lst"; did you mean list\?/],
    ['topics frobnicate', /it takes list, show/],
    ['topics list --limt 3', /unknown option: "--limt"; did you mean --limit\?/],
    ['topics list --zzz', /unknown option: "--zzz"; conduit topics list --help/],
    ['topics list --limit', /--limit takes a value$/],
    ['topics list --limit=', /--limit takes a value$/],
    ['topics list --limit --json', /--limit takes a value; one that begins with -/],
    ['topics list --limit 0', /--limit takes an integer from 1 to 1000000000, not "0"/],
    ['topics list --limit 1e3', /not "1e3"/],
    ['topics list --limit 1 --limit 2', /--limit is given twice/],
    ['topics list --json=yes', /--json takes no value/],
    ['topics list more', /too much: "more"; usage: conduit topics list/],
    ['topics show', /TOPIC is missing: conduit topics show TOPIC/],
    ['subscriptions show a', /NAME is missing/],
    ['messages list t --order up', /--order takes asc or desc, not "up"/],
    ['topics show \ufffd', /TOPIC is not UTF-8/],
    ['pub t --key=a\ufffd', /--key is not UTF-8/],
    ['topics show a --\u001b[2J', /unknown option: "--\\u001b\[2J"/],
  ];
  for (const [line, words] of refused) t.match(refusalOf(line), words, line);
});
