/**
 * What a mutated test file is started with (`--import`): the marks of tenant-predicates.ts, and a look at
 * each statement that goes to PostgreSQL. CONDUIT_MUTANT (`<statement>/<n>`) is the one that loses a
 * predicate; which statements with marks were run stands in the file that CONDUIT_STATEMENTS names, once
 * the process has ended.
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { register } from 'node:module';
import pg from 'pg';
import { MARK, markedStatement, withoutPredicate } from './tenant-predicates.js';

const [mutated = '', nth = '0'] = (process.env['CONDUIT_MUTANT'] ?? '').split('/');
const seen = new Map<string, string>();

register('./tenant-loader.js', import.meta.url);

type Query = (this: pg.Client, config: unknown, ...rest: unknown[]) => unknown;
const { query } = pg.Client.prototype as unknown as { query: Query };
Object.assign(pg.Client.prototype, {
  query(this: pg.Client, config: unknown, ...rest: unknown[]): unknown {
    if (typeof config === 'string') return query.call(this, sent(config), ...rest);
    if (!isNamed(config)) return query.call(this, config, ...rest);
    const text = sent(config.text);
    return query.call(this, text === config.text ? config : { ...config, text }, ...rest);
  },
});

process.on('exit', () => {
  const file = process.env['CONDUIT_STATEMENTS'];
  if (file !== undefined) writeFileSync(file, JSON.stringify([...seen]));
});

function isNamed(config: unknown): config is { text: string } {
  return (
    typeof config === 'object' &&
    config !== null &&
    'text' in config &&
    typeof config.text === 'string' &&
    !('submit' in config)
  );
}

function sent(plain: string): string {
  const text = markedStatement(plain);
  if (text.search(MARK) < 0) return text;
  const name = createHash('sha256').update(text).digest('hex').slice(0, 8);
  seen.set(name, text);
  return name === mutated ? withoutPredicate(text, Number(nth)) : text;
}
