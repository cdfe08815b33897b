/**
 * The command `npm run bench`. Exit 0: every entry of Conduit was measured; 1: one was invalid, or
 * with --quick a ratio fell; 2: it cannot be run as asked.
 */
import path from 'node:path';
import { isConduit } from './conduit.js';
import { type Fall, type Judgement, judge, narrowed } from './judgement.js';
import { buildLoadgen, LoadgenError } from './loadgen.js';
import { describeCode, describeMachine } from './machine.js';
import { type Options, readOptions, USAGE, UsageError } from './options.js';
import { Places } from './places.js';
import { readRecorded, writeRecorded } from './recorded.js';
import { writeProfilePages } from './report/profile-pages.js';
import { METHOD, type Report } from './report/report.js';
import { writeReport } from './report/report-files.js';
import { notesOf, partTables, syncsOf, tableOf, textOf } from './report/table.js';
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
  const { quick, peers, runs, seconds, warmup, held, profiles } = options;
  const mode: Mode = { quick, peers, runs, duration: seconds, warmup, held, profiles };
  const startedAt = new Date().toISOString();
  const machine = describeMachine();
  const places = await Places.open(options.postgres);
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
    const report = { method: METHOD, startedAt, command, mode, machine, code, outcomes };
    const judgement = quick ? await confirmed(options, report, places) : null;
    return await finish(options, report, judgement);
  } finally {
    end();
    await places.close();
  }
}

/** A short run is easily disturbed: what fell is measured once more, while there is time. */
async function confirmed(
  options: Options,
  { outcomes, machine, mode }: Report,
  places: Places,
): Promise<Judgement> {
  const recorded = readRecorded(recordedFile(options));
  const first = judge(recorded, 'quick', { outcomes, machine });
  const falls: Fall[] = [];
  for (const scenario of narrowed(first.falls)) {
    if (process.uptime() > CONFIRM_UNTIL_S) {
      falls.push(...first.falls.filter((fall) => fall.scenario.name === scenario.name));
      continue;
    }
    say(`${scenario.name}, once more:`);
    const outcome = await runScenario(scenario, mode, places, say);
    falls.push(...judge(recorded, 'quick', { outcomes: [outcome], machine }).falls);
  }
  return { ...first, falls };
}

function showJudgement({ falls, judged, unjudged }: Judgement): void {
  for (const { text } of falls) say(text);
  for (const line of unjudged) say(line);
  say(`${judged} compared with what was recorded: ${falls.length || 'none'} fell`);
}

/** Writes the report and records; gives the exit code. */
async function finish(
  options: Options,
  report: Report,
  judgement: Judgement | null,
): Promise<number> {
  const { outcomes, machine } = report;
  const files = await writeReport(report, options.results ?? path.join(FOLDER, 'results'));
  if (options.profiles !== null) files.push(...writeProfilePages(report, options.profiles));
  for (const file of files) say(path.relative(process.cwd(), file));
  const file = recordedFile(options);
  if (judgement !== null) showJudgement(judgement);
  if (options.record) {
    writeRecorded(file, options.quick ? 'quick' : 'full', { outcomes, machine });
    say(`recorded in ${path.relative(process.cwd(), file)}`);
  }
  const invalid = outcomes.flatMap(({ rows }) =>
    rows.filter(({ entry, summary }) => isConduit(entry.contender) && summary === null),
  );
  return (judgement?.falls ?? []).length > 0 || invalid.length > 0 ? 1 : 0;
}

function showOutcome(outcome: Outcome): void {
  const { rows, goals } = outcome;
  const lines = ['', ...textOf(tableOf(outcome))];
  for (const row of rows) {
    for (const { title, table } of partTables(row)) lines.push('', `${title}:`, ...textOf(table));
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
