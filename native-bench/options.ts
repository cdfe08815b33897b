/** The command line of `npm run bench`. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { SCENARIOS } from './scenarios/catalog.js';

export interface Options {
  help: boolean;
  list: boolean;
  quick: boolean;
  peers: boolean;
  record: boolean;
  /** Where V8's profiles go; null: none are made. */
  profiles: string | null;
  /** Null: all. */
  only: readonly string[] | null;
  /** Of one measurement; its warm-up comes before. */
  seconds: number;
  warmup: number;
  runs: number;
  /** Of a held snapshot; null: as its scenario says. */
  held: number | null;
  /** The bin folder of a PostgreSQL; null: the embedded one. */
  postgres: string | null;
  /** Where reports are written; null: native-bench/results. */
  results: string | null;
  /** The file of recorded ratios; null: native-bench/recorded.json. */
  recorded: string | null;
}

/** It cannot be run as asked; the message is one line. */
export class UsageError extends Error {}

export const USAGE = `npm run bench [-- options]
  --quick          one short run of each scenario; exit 1 when a ratio fell by more than 25 %
  --peers          beside other servers, where they are installed
  --only a,b       only these scenarios (--list names them)
  --seconds N      of each measurement (5; --quick: 0.6)
  --runs N         of which the medians are taken (5; --quick: 1)
  --held N         seconds that held-snapshot holds one (60; --quick: 2)
  --postgres DIR   the bin folder of another PostgreSQL than the embedded one
  --profile DIR    one more run of each entry of Conduit under V8's profilers: flame graphs
                   go into the report, into DIR pages to be committed (README.md and an SVG for
                   each entry), beside them .cpuprofile and .heapprofile of each thread
  --list           the scenarios and their goals
  --record         writes the ratios of this run to native-bench/recorded.json
  --results DIR    where the reports go (native-bench/results)
  --recorded FILE  another file of recorded ratios`;

/** The warm-up is long: with all cores busy V8 takes seconds to compile what is hot. */
const FULL = { seconds: 5, warmup: 5, runs: 5 };
const QUICK = { seconds: 0.6, warmup: 0.4, runs: 1 };
const SECONDS_MAX = 3_600;
const RUNS_MAX = 1_000;

/** Throws UsageError. */
export function readOptions(args: readonly string[]): Options {
  const { quick, help, list, peers, record, ...values } = parse(args);
  const usual = quick === true ? QUICK : FULL;
  const seconds = readNumber('--seconds', values.seconds, usual.seconds, 0.1, SECONDS_MAX);
  return {
    help: help === true,
    list: list === true,
    quick: quick === true,
    peers: peers === true,
    record: record === true,
    only: values.only === undefined ? null : readNames(values.only),
    seconds,
    warmup: Math.min(usual.warmup, seconds),
    runs: Math.round(readNumber('--runs', values.runs, usual.runs, 1, RUNS_MAX)),
    held: values.held === undefined ? null : readNumber('--held', values.held, 0, 0.1, SECONDS_MAX),
    postgres: values.postgres === undefined ? null : readPostgres(values.postgres),
    profiles: values.profile ?? null,
    results: values.results ?? null,
    recorded: values.recorded ?? null,
  };
}

function parse(args: readonly string[]) {
  const flag = { type: 'boolean' } as const;
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        help: flag,
        list: flag,
        quick: flag,
        peers: flag,
        record: flag,
        only: text,
        seconds: text,
        runs: text,
        held: text,
        postgres: text,
        profile: text,
        results: text,
        recorded: text,
      },
    }).values;
  } catch (error) {
    // It goes on with advice about positional arguments.
    const said = error instanceof Error ? error.message : String(error);
    throw new UsageError((said.split(/\.(?:\s|$)/, 1)[0] ?? said).replaceAll('\n', ' '));
  }
}

function readNumber(
  option: string,
  text: string | undefined,
  usual: number,
  min: number,
  max: number,
): number {
  if (text === undefined) return usual;
  const value = Number(text);
  if (text.trim() !== '' && value >= min && value <= max) return value;
  throw new UsageError(`${option} must be a number from ${min} to ${max}, not '${text}'`);
}

function readPostgres(folder: string): string {
  const lacking = ['initdb', 'pg_ctl', 'postgres'].find(
    (name) => !existsSync(path.join(folder, name)),
  );
  if (lacking === undefined) return path.resolve(folder);
  throw new UsageError(
    `--postgres must be the bin folder of a PostgreSQL: ${folder} has no ${lacking}`,
  );
}

function readNames(text: string): string[] {
  const known = SCENARIOS.map(({ name }) => name);
  const names = text.split(',').map((name) => name.trim());
  for (const name of names) {
    if (known.includes(name)) continue;
    throw new UsageError(`unknown scenario '${name}': there are ${known.join(', ')}`);
  }
  return names;
}
