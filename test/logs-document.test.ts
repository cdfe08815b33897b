// Goal: docs/logs.md is what src/observe/log-events.ts declares, and each of it is used. `--write` makes the
// tables again.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { PACKAGE_FOLDER } from '../native-bench/rig/node.js';
import { LOG_BINDINGS, LOG_EVENTS, LOG_FIELDS, type LogEvent } from '../src/observe/log-events.js';
import { readSources } from './support/documents/source-tree.js';

const FILE = path.join(PACKAGE_FOLDER, 'docs/logs.md');
const WRITE = 'node dist/test/logs-document.test.js --write';
const EVENTS: Readonly<Record<string, LogEvent>> = LOG_EVENTS;

const TABLES: Readonly<Record<string, string>> = {
  always: table(['member', 'what it says'], Object.entries(LOG_BINDINGS)),
  events: table(
    ['event', 'level', 'fields', '`msg`, unless the line has words of its own'],
    Object.entries(EVENTS).map(([name, { level, fields, text }]) => {
      return [name, level, fields.map((field) => `\`${field}\``).join(', '), text];
    }),
  ),
  fields: table(['field', 'what it says'], Object.entries(LOG_FIELDS)),
};

function table(head: string[], rows: readonly (readonly string[])[]): string {
  const lines = rows.map(([name, ...cells]) => `| \`${name}\` | ${cells.join(' | ')} |\n`);
  return `| ${head.join(' | ')} |\n|${'---|'.repeat(head.length)}\n${lines.join('')}`;
}

function render(text: string): string {
  return text.replace(
    /(<!-- made: (.+?) -->\n)[\s\S]*?(<!-- end -->)/g,
    (_, begin: string, name: string, end: string) => `${begin}\n${TABLES[name]}\n${end}`,
  );
}

if (process.argv.includes('--write')) writeFileSync(FILE, render(readFileSync(FILE, 'utf8')));

t.test('what is made is up to date', async (t) => {
  const text = readFileSync(FILE, 'utf8');
  t.ok(text === render(text), WRITE);
  for (const name of Object.keys(EVENTS)) t.match(text, `| \`${name}\` |`, name);
});

t.test('names are a noun and what became of it, in the order of the alphabet', async (t) => {
  const names = Object.keys(EVENTS);
  t.same(names, [...names].sort());
  for (const [name, { text }] of Object.entries(EVENTS)) {
    t.match(name, /^[a-z]+\.[a-z]+(_[a-z]+)*$/);
    t.match(text, /^[^\n]+[^.\n]$/, name);
  }
});

t.test('each event is told somewhere, each field is of an event', async (t) => {
  const told = new Set(
    readSources(PACKAGE_FOLDER, 'src').flatMap(({ lines }) =>
      [...lines.join('\n').matchAll(/\btell\(\s*'([a-z]+\.[a-z_]+)'|#write\('([a-z.]+)'/g)].map(
        ([, by, own]) => by ?? own,
      ),
    ),
  );
  t.same([...told].sort(), Object.keys(EVENTS));
  const used = new Set(Object.values(EVENTS).flatMap(({ fields }) => fields));
  t.same([...used].sort(), Object.keys(LOG_FIELDS).sort());
});
