/**
 * The predicates that keep tenants apart, as they stand in the SQL of src/log, src/tenant and
 * conduit.publish. Each is found in the compiled files and marked where it stands by an arm that changes
 * nothing, `(n.name = $1 AND 900012 = 900012)`, so that it is known again in whatever statement it has
 * become part of. Turning the AND of a mark into OR drops the predicate, and leaves parameters and their
 * types in place.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const COMPILED = fileURLToPath(new URL('../../../src/', import.meta.url));
const SOURCES = fileURLToPath(new URL('../../../../src/', import.meta.url));
const SQL = fileURLToPath(new URL('../../../../sql/', import.meta.url));
const FOLDERS = ['log', 'tenant'];
const PUBLISH = 'FUNCTION conduit.publish(';

/** With what stands in brackets, two deep. */
const SUBSELECT = String.raw`\(SELECT (?:\w+\.)?id FROM (?:[^()]|\([^()]*\))*\)`;
/**
 * In the SQL of this code `n` is a row of conduit.tenants, and nothing else has a tenant_id but to compare
 * it.
 */
const PREDICATE = new RegExp(
  [
    String.raw`(?:\b\w+\.)?\btenant_id = (?:${SUBSELECT}|\$\d+|\w+\.id\b)`,
    String.raw`\b\w+\.id = \w+\.tenant_id\b`,
    String.raw`\bn\.name = (?:\$\d+|\w+\.tenant\b)`,
    String.raw`(?<=FROM conduit\.tenants WHERE )name = \$\d+`,
    String.raw`(?<=UPDATE conduit\.tenants\s[^;]*WHERE )(?:id|name) = \$\d+`,
    String.raw`(?:\b\w+\.)?\btenant = (?:\$\d+|(?!excluded\b)\w+\.tenant\b)`,
    String.raw`\br\.role = session_user\b`,
  ].join('|'),
  'g',
);
/** What compares a tenant in a way that is not among these. */
const UNKNOWN = /\btenant_id\s*(?:=|<>|!=|IN\b|IS\b|<|>)|(?:=|<>|!=)\s*(?:\w+\.)?tenant_id\b/g;

const FIRST_MARK = 900_001;
export const MARK = /AND (9\d{5}) = \1\b/g;

export interface TenantPredicate {
  /** Its mark. */
  mark: number;
  /** Of the source, and the line in the compiled file or in the migration. */
  place: string;
  text: string;
}

interface MarkedText {
  text: string;
  predicates: TenantPredicate[];
  /** Comparisons of a tenant_id that no mark is at. */
  unknown: string[];
}

let nextMark = FIRST_MARK;
/** By URL of the compiled file. */
const modules = new Map(FOLDERS.flatMap(compiledFiles).map(markedFile));
const migration = markedMigration();

function compiledFiles(folder: string): string[] {
  return (
    readdirSync(path.join(COMPILED, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.js'))
      .map((name) => path.join(folder, name))
      // What was compiled once, and has no source any more, does not run.
      .filter((name) => existsSync(path.join(SOURCES, name.replace(/\.js$/, '.ts'))))
      .sort()
  );
}

function markedFile(file: string): [url: string, MarkedText] {
  const full = path.join(COMPILED, file);
  const place = path.join('src', file.replace(/\.js$/, '.ts'));
  return [pathToFileURL(full).href, marked(readFileSync(full, 'utf8'), place)];
}

/** The newest of those that make conduit.publish. */
function markedMigration(): MarkedText & { plain: string } {
  const texts = readdirSync(SQL)
    .sort()
    .map((name) => ({ name, plain: readFileSync(path.join(SQL, name), 'utf8') }));
  const newest = texts.filter(({ plain }) => plain.includes(PUBLISH)).at(-1);
  if (newest === undefined) throw new Error('no migration makes conduit.publish');
  return { plain: newest.plain, ...marked(newest.plain, `sql/${newest.name}`) };
}

function marked(text: string, place: string): MarkedText {
  const predicates: TenantPredicate[] = [];
  const result = text.replace(PREDICATE, (predicate: string, ...rest: unknown[]) => {
    const at = rest.find((one) => typeof one === 'number') ?? 0;
    const line = text.slice(0, at).split('\n').length;
    const mark = nextMark++;
    predicates.push({ mark, place: `${place}:${line}`, text: predicate });
    return `(${predicate} AND ${mark} = ${mark})`;
  });
  const left = text.replace(PREDICATE, '');
  const unknown = [...left.matchAll(UNKNOWN)].map(([found]) => `${place}: ${found}`);
  return { text: result, predicates, unknown };
}

/** All of them, in the order of their marks. */
export const TENANT_PREDICATES: readonly TenantPredicate[] = [
  ...[...modules.values()].flatMap(({ predicates }) => predicates),
  ...migration.predicates,
];

/** Comparisons with a tenant_id that look like none of the known ones: none. */
export const UNKNOWN_PREDICATES: readonly string[] = [
  ...[...modules.values()].flatMap(({ unknown }) => unknown),
  ...migration.unknown,
];

/** The text of a compiled file with its marks; null: it has none. */
export function markedModule(url: string): string | null {
  const file = modules.get(url);
  return file === undefined || file.predicates.length === 0 ? null : file.text;
}

/** The text of a statement; the migration with its marks, all others as they are. */
export function markedStatement(text: string): string {
  return text === migration.plain ? migration.text : text;
}

/** The same without the n-th mark's predicate, from 0. */
export function withoutPredicate(statement: string, n: number): string {
  let seen = 0;
  return statement.replace(MARK, (arm: string) => (seen++ === n ? arm.replace('AND', 'OR') : arm));
}
