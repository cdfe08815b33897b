import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { ERROR_ADVICE } from '../../../src/core/error-advice.js';
import { CLOSE, ERRORS, errorCodeById } from '../../../src/core/errors.js';
import { readSources } from '../../support/documents/source-tree.js';

t.test('ids and codes are unique, and an id leads back to its code', async (t) => {
  const entries = Object.entries(ERRORS);
  t.equal(new Set(entries.map(([, spec]) => spec.id)).size, entries.length);
  for (const [code, spec] of entries) t.equal(errorCodeById(spec.id), code);
  t.equal(errorCodeById(60_000), 'internal');
});

t.test('every code has a status that fits its nature', async (t) => {
  for (const [code, spec] of Object.entries(ERRORS)) {
    t.ok(spec.status >= 400 && spec.status < 600, code);
    if (spec.temporary) t.ok(spec.status === 429 || spec.status === 503, code);
    t.not(spec.title, '', code);
  }
});

t.test('every code and every close code stands in docs/errors.md', async (t) => {
  const text = readFileSync('docs/errors.md', 'utf8');
  for (const [code, spec] of Object.entries(ERRORS)) {
    t.ok(text.includes(`| \`${code}\` | ${spec.status} |`), code);
  }
  for (const { closeCode } of Object.values(CLOSE)) {
    t.ok(text.includes(`| ${closeCode} |`), String(closeCode));
  }
});

t.test('what to do about each is said with the same words there', async (t) => {
  const text = readFileSync('docs/errors.md', 'utf8');
  const rows = [...text.matchAll(/^\| `(\w+)` \| \d+ \|.*\| (.*?) \|$/gm)];
  const said = rows.map(([, code, advice = '']) => [
    code,
    advice.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1'),
  ]);
  t.same(Object.fromEntries(said), ERROR_ADVICE);
});

t.test('close codes say by their range whether to reconnect', async (t) => {
  for (const { closeCode, reconnect } of Object.values(CLOSE)) {
    if (closeCode >= 4500) t.equal(reconnect, false);
    else if (closeCode >= 4000) t.equal(reconnect, true);
  }
});

t.test('every code and every close is used', async (t) => {
  const folder = fileURLToPath(new URL('../../../../', import.meta.url));
  const text = readSources(folder, 'src')
    .filter(({ path }) => path !== 'src/core/errors.ts')
    .map(({ lines }) => lines.join('\n'))
    .join('\n');
  for (const code of Object.keys(ERRORS)) t.ok(text.includes(`'${code}'`), code);
  for (const name of Object.keys(CLOSE)) t.match(text, new RegExp(`CLOSE\\.${name}\\b`), name);
});
