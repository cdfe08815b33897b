/**
 * Statements that lose the predicate that keeps tenants apart, one at a time: each run against those suites
 * that run the statement, over real PostgreSQL, and found by at least one. A statement is what goes to the
 * database, so a predicate that several are made with is dropped in each of them by itself.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type FileOutcome, runTestFile } from '../documents/test-file.js';
import { MARK, TENANT_PREDICATES, type TenantPredicate } from './tenant-predicates.js';

const PRELOAD = fileURLToPath(new URL('./tenant-mutation.js', import.meta.url));

export interface TenantSuite {
  file: string;
  /** TAP_GREP: an expression a level of subtests; null: all of them. */
  only: string | null;
}

/** In this order a mutant meets them. */
export const SUITES: readonly TenantSuite[] = [
  { file: 'contract/sql-roles.test', only: null },
  { file: 'contract/postgres-log.test', only: '/^tenants/' },
  {
    file: 'contract/postgres-subscriptions.test',
    only: '/^(the contract|tenants)/\n/^tenants$/',
  },
  { file: 'contract/postgres-keys.test', only: null },
  { file: 'contract/postgres-logins.test', only: null },
  { file: 'contract/postgres-audit.test', only: null },
  { file: 'contract/postgres-leases.test', only: null },
  { file: 'contract/postgres-webhooks.test', only: null },
  { file: 'contract/several-logs.test', only: '/^tenants/' },
  { file: 'unit/log/postgres/upkeep/due-topics.test', only: '/^tenants/' },
];

export interface Mutant {
  /** Of the statement, and which of its marks. */
  name: string;
  statement: string;
  predicate: TenantPredicate;
  suites: readonly TenantSuite[];
}

/** Those that no suite can find, and why. */
const UNSEEN: readonly { statement: RegExp; predicate: string; why: string }[] = [
  {
    statement: /^SELECT pg_advisory_xact_lock/,
    predicate: 'n.name = $1',
    why: 'it locks and reads nothing: without it creations of all tenants take turns',
  },
  {
    statement: /^SELECT \(SELECT count\(\*\) FROM conduit\.topics x/,
    predicate: 'x.tenant_id = n.id',
    why: 'asked once the same count has refused a topic: it chooses the words of the refusal',
  },
];

/** Null: a suite has to find it. */
export function reasonOf({ statement, predicate }: Mutant): string | null {
  const fits = UNSEEN.find((one) => {
    return one.statement.test(statement) && one.predicate === predicate.text;
  });
  return fits?.why ?? null;
}

/** One line: where it stands, what it says, and what it is part of. */
export function lineOf({ name, predicate, statement }: Mutant): string {
  const { place, text } = predicate;
  return `${name}  ${place}  ${squeezed(text)}  in  ${squeezed(statement).slice(0, 60)}`;
}

export interface Recorded {
  mutants: Mutant[];
  /** What is wrong before anything is mutated. */
  trouble: string[];
}

/** Runs the suites as they are. */
export async function recordMutants(): Promise<Recorded> {
  const trouble: string[] = [];
  const found = new Map<string, { statement: string; suites: TenantSuite[] }>();
  const folder = mkdtempSync(path.join(tmpdir(), 'conduit-statements-'));
  await inLanes(SUITES, async (suite) => {
    const file = path.join(folder, path.basename(suite.file));
    const { failed, trouble: lines } = await run(suite, { CONDUIT_STATEMENTS: file });
    if (failed > 0) return void trouble.push(`${suite.file}: ${lines.join('\n')}`);
    for (const [name, statement] of JSON.parse(readFileSync(file, 'utf8')) as [string, string][]) {
      const known = found.get(name) ?? { statement, suites: [] };
      found.set(name, { statement, suites: [...known.suites, suite] });
    }
  });
  rmSync(folder, { recursive: true });
  const mutants = [...found].sort().flatMap(([name, of]) => mutantsOf(name, of));
  const used = new Set(mutants.map(({ predicate }) => predicate));
  for (const predicate of TENANT_PREDICATES) {
    if (used.has(predicate)) continue;
    trouble.push(`no suite runs ${predicate.place}: ${squeezed(predicate.text)}`);
  }
  return { mutants, trouble };
}

function mutantsOf(
  name: string,
  { statement, suites }: { statement: string; suites: TenantSuite[] },
): Mutant[] {
  const inOrder = SUITES.filter((suite) => suites.includes(suite));
  return [...statement.matchAll(MARK)].flatMap(([, mark], n) => {
    const predicate = TENANT_PREDICATES.find((one) => one.mark === Number(mark));
    if (predicate === undefined) return [];
    return [{ name: `${name}/${n}`, statement, predicate, suites: inOrder }];
  });
}

/** The first test that finds it; null: none does. */
export async function killerOf({ name, suites }: Mutant): Promise<string | null> {
  for (const suite of suites) {
    const { failed, trouble } = await run(suite, { CONDUIT_MUTANT: name });
    if (failed > 0) return `${suite.file}: ${trouble[0]?.split('\n', 1)[0] ?? 'it failed'}`;
  }
  return null;
}

function run({ file, only }: TenantSuite, env: Record<string, string>): Promise<FileOutcome> {
  const grep: Record<string, string> =
    only === null ? {} : { TAP_GREP: only, TAP_FILTER_QUIETLY: '1' };
  return runTestFile(file, { nodeArgs: ['--import', PRELOAD], env: { ...grep, ...env } });
}

const LANES = 2;

/** A few at a time: each starts a PostgreSQL of its own. */
export async function inLanes<T>(
  items: readonly T[],
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const left = [...items];
  const lane = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

function squeezed(sql: string): string {
  return sql.replace(MARK, '').replace(/\s+/g, ' ').trim();
}
