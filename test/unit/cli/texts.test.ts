// Goal: what others wrote is shown as it is and does nothing to a terminal; JSON stays the same value; lines
// of stdin are cut where they end, wherever the pieces do.
import t from 'tap';
import { itemTexts, memberText } from '../../../src/cli/node/json-items.js';
import { startOfText } from '../../../src/cli/node/start.js';
import { targetOf } from '../../../src/cli/node/target.js';
import { inputLines } from '../../../src/cli/terminal/input-lines.js';
import { cellOf, printable, printableJson } from '../../../src/cli/terminal/printable.js';
import { columnsOf, memberLines, Table } from '../../../src/cli/terminal/table.js';
import { LIMITS } from '../../../src/core/limits.js';

t.test('control characters are escapes, and JSON keeps its value', async (t) => {
  const nasty = 'a\u001b[2J\u0007\r\n\u009b31m\u202eb\u007f';
  t.notMatch(printable(nasty), /[\p{Cc}\u202e]/u);
  const json = JSON.stringify({ nasty });
  t.notMatch(printableJson(json), /[\p{Cc}\u202e]/u);
  t.same(JSON.parse(printableJson(json)), { nasty });
  t.equal(printable('für 北京'), 'für 北京');
  t.notMatch(cellOf({ nasty }), /[\p{Cc}\u202e]/u);
  t.equal(cellOf(null), '-');
  t.equal(cellOf(['a', 'b']), 'a,b');
});

t.test('items are given byte for byte', async (t) => {
  const text =
    '{"a":{"topics":[0]},"topics":[ {"n":12345678901234567890,"s":"],}"} , [1,[2]],1e999 ],"z":1}';
  t.same(itemTexts(text, 'topics'), ['{"n":12345678901234567890,"s":"],}"}', '[1,[2]]', '1e999']);
  t.same(itemTexts(text, 'z'), []);
  t.same(itemTexts('{}', 'topics'), []);
  t.same(itemTexts('{"topics":[]}', 'topics'), []);
  t.equal(memberText(text, 'z'), '1');
  t.equal(memberText(text, 'y'), null);
});

t.test('a table keeps its columns', async (t) => {
  const table = new Table(columnsOf('n', 'name', 'retention.hours'));
  t.same(table.lines([{ n: 5, name: 'long name', retention: { hours: 1 } }]), [
    'N  NAME       RETENTION.HOURS',
    '5  long name                1',
  ]);
  t.same(table.lines([{ n: 12, name: 'x' }]), ['12  x          -']);
  t.same(memberLines({ a: 1, b: { c: 'x' } }), ['a:   1', 'b.c: x']);
});

async function linesOf(pieces: readonly (string | Buffer)[]): Promise<string[]> {
  async function* input() {
    for (const piece of pieces) yield Buffer.from(piece as string);
  }
  const found: string[] = [];
  for await (const lines of inputLines(input())) {
    for (const { number, text } of lines) {
      t.equal(number, found.length + 1);
      found.push(text);
    }
  }
  return found;
}

t.test('lines of the input', async (t) => {
  t.same(await linesOf(['a\nb', 'c\r\n', '\n', 'd']), ['a', 'bc', '', 'd']);
  t.same(await linesOf([]), []);
  t.same(await linesOf(['ü'].flatMap((c) => [...Buffer.from(c)].map((b) => Buffer.from([b])))), [
    'ü',
  ]);
  await t.rejects(
    linesOf([Buffer.from([0x31, 0x0a, 0xff, 0x0a])]),
    /line 2 of the input is not UTF-8/,
  );
  const long = 'x'.repeat(LIMITS.payloadBytesMax.max);
  await t.rejects(linesOf([long, long]), /line 1 of the input is longer/);
});

t.test('where to begin', async (t) => {
  t.same(startOfText('latest', 'PLACE'), { from: 'latest' });
  t.same(startOfText('17', 'PLACE'), { from: 'sequence', sequence: 17 });
  t.match(startOfText('2026-11-23T10:30:00Z', 'PLACE'), { from: 'time' });
  t.throws(() => startOfText('yesterday', 'PLACE'), /PLACE is latest/);
});

t.test('the node and the key come from the context', async (t) => {
  const env = {
    CONDUIT_URL: 'http://a:1/',
    CONDUIT_API_KEY: 'one',
    CONDUIT_URL_EU_WEST: 'https://b',
    CONDUIT_API_KEY_EU_WEST: 'two',
  };
  const none = { url: null, context: null };
  t.same(targetOf(env, none), { url: 'http://a:1', apiKey: 'one' });
  t.same(targetOf(env, { ...none, context: 'eu-west' }), { url: 'https://b', apiKey: 'two' });
  t.same(targetOf({ ...env, CONDUIT_CONTEXT: 'eu-west' }, none).apiKey, 'two');
  t.same(targetOf({}, none), { url: 'http://localhost:8080', apiKey: null });
  const wrong: [Record<string, string>, typeof none | { context: string; url: null }, RegExp][] = [
    [
      env,
      { url: null, context: 'prod' },
      /no context prod: set CONDUIT_URL_PROD \(there are: eu_west\)/,
    ],
    [{ CONDUIT_URL: 'ftp://x' }, none, /CONDUIT_URL: takes the URL of a node/],
    [{ CONDUIT_URL: 'http://u:p@x' }, none, /takes no user, password/],
    [{ CONDUIT_API_KEY: 'a b' }, none, /CONDUIT_API_KEY: holds what no API key does/],
  ];
  for (const [vars, options, words] of wrong) t.throws(() => targetOf(vars, options), words);
});
