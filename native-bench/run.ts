/**
 * The command `npm run bench`. Exit 0: every entry of Conduit was measured; 1: one was invalid, or
 * with --quick a ratio fell; 2: it cannot be run as asked.
 */
import path from 'node:path';
import { isConduit } from './conduit.js';
import { buildLoadgen, LoadgenError } from './loadgen.js';
import { describeCode, describeMachine } from './machine.js';
import { type Options, readOptions, USAGE, UsageError } from './options.js';
import { Places } from './places.js';
import {
  type Fall,
  fallsSince,
  narrowed,
  ratiosOf,
  readRecorded,
  writeRecorded,
} from './recorded.js';
import { writeProfilePages } from './report/profile-pages.js';
import { METHOD, type Report } from './report/report.js';
import { writeReport } from './report/report-files.js';
import { notesOf, stepTable, syncsOf, tableOf, textOf } from './report/table.js';
import { PACKAGE_FOLDER } from './rig/node.js';
import { type Mode, type Outcome, runScenario, stopAll } from './runner.js';
import { SCENARIOS } from './scenarios/catalog.js';

const FOLDER = path.join(PACKAGE_FOLDER, 'native-bench');
/** --quick ends within 90 s. */
const CONFIRM_UNTIL_S = 75;
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  try {
    const options = readOptions(args);
    if (options.help) return tell([USAGE], 0);
    if (options.list) return tell(listing(), 0);
    // Before the long part: a file that cannot be read is no news to wait for.
    readRecorded(recordedFile(options));
    await buildLoadgen(say);
    return await bench(options, `npm run bench -- ${args.join(' ')}`.replace(/ -- $/, ''));
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof LoadgenError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
}

async function bench(options: Options, command: string): Promise<number> {
  const { quick, peers, runs, seconds, warmup, profiles } = options;
  const mode: Mode = { quick, peers, runs, duration: seconds, warmup, profiles };
  const startedAt = new Date().toISOString();
  const machine = describeMachine();
  const places = await Places.open();
  const end = endOnSignals(places);
  try {
    if (places.trouble !== null) say(`no PostgreSQL, so nothing durable: ${places.trouble}`);
    const code = describeCode(PACKAGE_FOLDER, await places.postgresVersion());
    const outcomes: Outcome[] = [];
    for (const scenario of SCENARIOS) {
      if (options.only !== null && !options.only.includes(scenario.name)) continue;
      say(`${scenario.name}: ${scenario.measures}`);
      const outcome = await runScenario(scenario, mode, places, say);
      outcomes.push(outcome);
      showOutcome(outcome);
    }
    const falls = quick ? await confirmedFalls(options, mode, places, outcomes) : [];
    const report = { method: METHOD, startedAt, command, mode, machine, code, outcomes };
    return await finish(options, report, falls);
  } finally {
    end();
    await places.close();
  }
}

/** A short run is easily disturbed: what fell is measured once more, while there is time. */
async function confirmedFalls(
  options: Options,
  mode: Mode,
  places: Places,
  outcomes: readonly Outcome[],
): Promise<Fall[]> {
  const recorded = readRecorded(recordedFile(options)).quick;
  const falls = fallsSince(recorded, outcomes);
  const confirmed: Fall[] = [];
  for (const scenario of narrowed(falls)) {
    if (process.uptime() > CONFIRM_UNTIL_S) {
      confirmed.push(...falls.filter((fall) => fall.scenario.name === scenario.name));
      continue;
    }
    say(`${scenario.name}, once more:`);
    const outcome = await runScenario(scenario, mode, places, say);
    confirmed.push(...fallsSince(recorded, [outcome]));
  }
  return confirmed;
}

/** Writes the report and records; gives the exit code. */
async function finish(options: Options, report: Report, falls: readonly Fall[]): Promise<number> {
  const { outcomes } = report;
  const files = await writeReport(report, options.results ?? path.join(FOLDER, 'results'));
  if (options.profiles !== null) files.push(...writeProfilePages(report, options.profiles));
  for (const file of files) say(path.relative(process.cwd(), file));
  const file = recordedFile(options);
  for (const { text } of falls) say(text);
  if (options.record) {
    writeRecorded(file, options.quick ? 'quick' : 'full', ratiosOf(outcomes));
    say(`recorded in ${path.relative(process.cwd(), file)}`);
  }
  const invalid = outcomes.flatMap(({ rows }) =>
    rows.filter(({ entry, summary }) => isConduit(entry.contender) && summary === null),
  );
  return falls.length > 0 || invalid.length > 0 ? 1 : 0;
}

function showOutcome(outcome: Outcome): void {
  const { rows, goals } = outcome;
  const lines = ['', ...textOf(tableOf(outcome))];
  for (const { entry, steps } of rows) {
    if (steps.length > 0) lines.push('', `${entry.name}:`, ...textOf(stepTable(steps)));
  }
  lines.push(...rows.flatMap(notesOf), ...syncsOf(rows).map((line) => `on disk: ${line}`));
  for (const { text, met, measured } of goals) {
    const word = met === null ? 'not measured' : met ? 'met' : 'NOT MET';
    lines.push(`goal: ${text}: ${word}${met === null ? '' : ` (${measured})`}`);
  }
  tell([...lines, ''], 0);
}

function listing(): string[] {
  return SCENARIOS.flatMap(({ name, measures, goals, entries }) => [
    `${name}: ${measures}`,
    `    entries: ${entries.map((entry) => entry.name).join('; ')}`,
    ...goals.map(({ text }) => `    goal: ${text}`),
  ]);
}

/** Servers do not outlive a run that is ended by hand. Gives what takes the handlers back. */
function endOnSignals(places: Places): () => void {
  const handlers = Object.entries(SIGNALS).map(([signal, code]) => {
    const handler = (): void => {
      const exit = (): never => process.exit(code);
      stopAll()
        .then(() => places.close())
        .then(exit, exit);
    };
    process.once(signal, handler);
    return { signal, handler };
  });
  return () => {
    for (const { signal, handler } of handlers) process.removeListener(signal, handler);
  };
}

function recordedFile({ recorded }: Options): string {
  return recorded ?? path.join(FOLDER, 'recorded.json');
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function tell(lines: readonly string[], code: number): number {
  for (const line of lines) say(line);
  return code;
}
