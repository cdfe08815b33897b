// Goal: docs/configuration.md has every variable, with the default and the range that the code has.
// `--write` makes its table again.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { PACKAGE_FOLDER } from '../../../native-bench/rig/node.js';
import { effectiveRows } from '../../../src/config/effective.js';
import { loadConfig } from '../../../src/config/load-config.js';

const FILE = path.join(PACKAGE_FOLDER, 'docs/configuration.md');
const MADE = /(<!-- made: variables -->\n)[\s\S]*(<!-- end -->)/;
/** Those that go by the machine. */
const DEFAULTS: Readonly<Record<string, string>> = {
  NODE_ID: 'the name of the host',
  NODE_ADDR: '`:PORT`, at the name of the host',
  WORKERS: 'cores - 1',
};

const rows = effectiveRows(loadConfig({}).config, {}).map(
  ({ variable, value, source, meaning }) => {
    const local = /\((start: .*)\)/.exec(source)?.[1];
    const own = DEFAULTS[variable] ?? (value === '-' ? '' : value);
    const byDefault = [own, ...(local === undefined ? [] : [local])]
      .join('; ')
      .replaceAll('*', '\\*');
    const said = meaning.replaceAll('|', '\\|').replaceAll('*', '\\*').replaceAll('<', '&lt;');
    return `| \`${variable}\` | ${byDefault} | ${said} |`;
  },
);
const table = ['', '| variable | default | meaning |', '|---|---|---|', ...rows, '', ''].join('\n');
const text = readFileSync(FILE, 'utf8');
const made = text.replace(MADE, (_all, head: string, end: string) => `${head}${table}${end}`);
if (process.argv.includes('--write')) writeFileSync(FILE, made);

t.test('docs/configuration.md is up to date', async (t) => {
  t.ok(rows.length > 80);
  t.match(text, MADE);
  t.ok(readFileSync(FILE, 'utf8') === made, 'node dist/test/unit/config/document.test.js --write');
});
