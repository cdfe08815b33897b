/**
 * The pages of a profiled run, to be committed and read on GitHub: an index in Markdown, and flame graphs
 * as an SVG for each entry, beside the folder of its raw profiles.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { threeDigits } from '../figure.js';
import { type Own, ownOf, type Profile } from '../profiles/profile.js';
import type { Outcome, Row } from '../runner.js';
import { factsOf } from './facts.js';
import { flameSheet } from './flame-graph.js';
import type { Report } from './report.js';
import { NONE, type Table } from './table.js';

/** So many functions are named, of time and of allocation. */
const SPENDERS = 6;
const ALLOCATORS = 4;

const HEAD = [
  'entry',
  'thread',
  'busy',
  'CPU us a message',
  'its own time',
  'MB/s',
  'what allocates',
];

/** As V8 calls what is no function of ours. */
const NATIVE: Readonly<Record<string, string>> = {
  '(garbage collector)': 'collector',
  '(program)': 'native: system calls, uWS, V8',
};

const INTRODUCTION = `
Each entry ran once more under V8's profilers, after the runs that are measured; that run counts for no
figure. *busy* is the part of that run, from its start to its end, in which the thread did not wait. *CPU us
a message* (or delivery, where the scenario counts those) is what the server took in the measured runs,
divided among its threads as they were busy. *its own time* is what a function took without those it called,
of the thread's busy time; \`dispatch\` is the start of the profilers. *MB/s* is what the thread allocated.
Each entry leads to the flame graphs of its threads: callers above, what they call below, as wide as their
share; opened by itself, such a file names what is pointed at.
`;

/** Writes README.md and `<scenario>/<entry>.svg` into the folder; gives the paths. */
export function writeProfilePages(report: Report, folder: string): string[] {
  mkdirSync(folder, { recursive: true });
  const index = path.join(folder, 'README.md');
  writeFileSync(index, indexOf(report));
  const sheets = report.outcomes.flatMap(({ scenario, rows }) =>
    rows.flatMap((row) => writeSheet(scenario.name, row)),
  );
  return [index, ...sheets];
}

/** None of a run that had problems: it shows something else than it says. */
function writeSheet(scenario: string, { entry, profiled }: Row): string[] {
  if (profiled === null || profiled.problems.length > 0 || profiled.profiles.length === 0)
    return [];
  const file = `${profiled.folder}.svg`;
  writeFileSync(file, flameSheet(`${scenario}: ${entry.name}`, profiled.profiles));
  return [file];
}

function indexOf(report: Report): string {
  const facts = factsOf(report).map(([name, text]) => `- ${name}: ${codeOf(text ?? '')}`);
  const sections = report.outcomes
    .map((outcome) => ({ outcome, table: profileTable(outcome) }))
    .filter(({ table }) => table.lines.length > 0)
    .map(({ outcome: { scenario }, table }) =>
      [`## ${scenario.name}`, scenario.measures, markdownOf(table)].join('\n\n'),
    );
  return `${['# Where the time goes', facts.join('\n'), INTRODUCTION.trim(), ...sections].join('\n\n')}\n`;
}

/** A line for each thread of each profiled entry, in Markdown. */
export function profileTable({ rows }: Outcome): Table {
  return { head: HEAD, lines: rows.flatMap(linesOf) };
}

function linesOf(row: Row): string[][] {
  const { entry, profiled, summary } = row;
  if (profiled === null) return [];
  const [problem] = profiled.problems;
  if (problem !== undefined) return [[entry.name, `invalid: ${codeOf(problem)}`]];
  const { profiles, folder } = profiled;
  const busyUs = sumOf(profiles.filter(({ of }) => of === 'cpu'));
  const threads = [...new Set(profiles.map(({ thread }) => thread))];
  const link = `[${entry.name}](${folder.split(path.sep).slice(-2).join('/')}.svg)`;
  return threads.map((thread, n) => {
    const find = (wanted: Profile['of']) =>
      profiles.find((one) => one.thread === thread && one.of === wanted);
    const [cpu, allocation] = [find('cpu'), find('allocation')];
    return [
      n === 0 ? link : '',
      thread,
      ...cpuCells(cpu, busyUs, summary?.cpuUs['server']),
      ...allocationCells(allocation),
    ];
  });
}

/** `perMessageUs`: of all threads. */
function cpuCells(
  profile: Profile | undefined,
  allBusyUs: number,
  perMessageUs: number | undefined,
): string[] {
  if (profile === undefined) return [NONE, NONE, NONE];
  const { root, wallUs } = profile;
  const own = perMessageUs === undefined ? null : (perMessageUs * root.value) / allBusyUs;
  return [
    `${((root.value * 100) / wallUs).toFixed(0)} %`,
    own === null ? NONE : threeDigits(own),
    largestOf(profile, SPENDERS),
  ];
}

function allocationCells(profile: Profile | undefined): string[] {
  if (profile === undefined) return [NONE, NONE];
  const bytesPerUs = profile.root.value / profile.wallUs;
  return [threeDigits(bytesPerUs), largestOf(profile, ALLOCATORS)];
}

function largestOf({ root }: Profile, count: number): string {
  return ownOf(root)
    .slice(0, count)
    .map(({ name, value }: Own) => {
      const percent = ((value * 100) / root.value).toFixed(1);
      return `${percent} % ${NATIVE[name] ?? codeOf(name)}`;
    })
    .join('<br>');
}

function sumOf(profiles: readonly Profile[]): number {
  return profiles.reduce((sum, { root }) => sum + root.value, 0);
}

function markdownOf({ head, lines }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = `|${head.map(() => '---').join('|')}|`;
  return [line(head), rule, ...lines.map(line)].join('\n');
}

/** As it stands: nothing in it is markup, neither of the text around nor of the table. */
function codeOf(text: string): string {
  const plain = text.replaceAll(/\p{Cc}/gu, ' ').replaceAll('`', "'");
  return `\`${plain.replaceAll('|', '\\|')}\``;
}
