/** The lines of a scenario's table as texts; the terminal and the HTML show the same. */
import type { Latency } from '../contender.js';
import { type Figure, show, threeDigits } from '../figure.js';
import { figureOf, type Outcome, type Row } from '../runner.js';
import type { PhaseWindow, Step } from '../sample.js';

export interface Table {
  head: string[];
  lines: string[][];
}

/** The cell of what is not known. */
export const NONE = '-';

/** A row with problems has no figure: its cell says so. */
export function tableOf({ scenario, rows }: Outcome): Table {
  const heads = [...new Set(rows.map(({ entry }) => figureOf(entry, scenario).name))];
  const figure = heads.length === 1 ? (heads[0] ?? '') : 'figure';
  const hasReceived = rows.some(({ summary }) => summary?.deliveryUs != null);
  const extras = [...new Set(rows.flatMap(({ summary }) => Object.keys(summary?.more ?? {})))];
  const received = hasReceived ? ['receive p50/p95/p99 ms'] : [];
  return {
    head: [
      'entry',
      `${figure} (median [min..max])`,
      'ratio',
      'answer p50/p95/p99 ms',
      ...received,
      'CPU us a message',
      ...extras.map((name) => name.replaceAll('_', ' ')),
    ],
    lines: rows.map((row) => [
      row.entry.name,
      figureCell(row, figureOf(row.entry, scenario), heads.length > 1),
      row.ratio === null ? NONE : `${row.ratio.toFixed(2)} of ${row.entry.against}`,
      latencyCell(row.summary?.latencyUs),
      ...(hasReceived ? [latencyCell(row.summary?.deliveryUs)] : []),
      cpuCell(row.summary?.cpuUs ?? {}),
      ...extras.map((name) => extraCell(row.summary?.more[name])),
    ]),
  };
}

/** The tables of a row alone, if any: its rising rates, its phases. */
export function partTables({ entry, steps, windows }: Row): { title: string; table: Table }[] {
  return [
    ...(steps.length === 0
      ? []
      : [{ title: `${entry.name}, rising rates`, table: stepTable(steps) }]),
    ...(windows.length === 0
      ? []
      : [{ title: `${entry.name}, window by window`, table: windowTable(windows) }]),
  ];
}

function windowTable(windows: readonly PhaseWindow[]): Table {
  const hasReceived = windows.some(({ deliveryUs }) => deliveryUs !== null);
  const received = hasReceived ? ['receive p50/p95/p99 ms'] : [];
  return {
    head: [
      'Snapshot',
      'from',
      'Rate',
      'of control',
      'answer p50/p95/p99 ms',
      ...received,
      'CPU us a message',
    ],
    lines: windows.map(({ phase, atS, perSecond, latencyUs, deliveryUs, cpuUs, control }) => [
      phase,
      `${Math.round(atS)} s`,
      show(perSecond, 'per_s'),
      show(perSecond / control.perSecond, 'times'),
      latencyCell(latencyUs),
      ...(hasReceived ? [latencyCell(deliveryUs)] : []),
      cpuCell(cpuUs),
    ]),
  };
}

/** A line for each of the rising rates. */
function stepTable(steps: readonly Step[]): Table {
  return {
    head: ['Rate', 'p50', 'p95', 'p99', 'p99 < 250 ms', 'Errors', 'Actual throughput'],
    lines: steps.map(({ rate, perSecond, latencyUs, errors, passed }) => [
      show(rate, 'per_s'),
      ...(['p50', 'p95', 'p99'] as const).map((name) =>
        latencyUs === null ? NONE : show(latencyUs[name], 'us'),
      ),
      passed ? 'PASS' : 'FAIL',
      `${(errors * 100).toFixed(errors > 0 ? 2 : 0)}%`,
      show(perSecond, 'per_s'),
    ]),
  };
}

/** `missing: ...`, and what was wrong with invalid entries. */
export function notesOf(row: Row): string[] {
  const { name } = row.entry;
  if (row.missing !== null) return [`${name}: missing: ${row.missing}`];
  return row.problems.map((problem) => `${name}: invalid: ${problem}`);
}

/** What each contender has on the disk before it answers, and its version; each once. */
export function syncsOf(rows: readonly Row[]): string[] {
  const present = rows.filter(({ missing }) => missing === null);
  const texts = present.map(
    ({ entry, syncs, version }) => `${entry.contender} (${version}): ${syncs}`,
  );
  return [...new Set(texts)];
}

/** Columns side by side. */
export function textOf({ head, lines }: Table): string[] {
  const all = [head, ...lines];
  const widths = head.map((_, column) =>
    Math.max(...all.map((cells) => cells[column]?.length ?? 0)),
  );
  return all.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** `isNamed`: where not all rows have the same figure, it says which. */
function figureCell({ missing, summary, figure }: Row, what: Figure, isNamed: boolean): string {
  if (missing !== null) return 'missing';
  if (summary === null || figure === null) return 'invalid';
  const { median, min, max } = figure;
  const range = min === max ? '' : ` [${show(min, what.unit)}..${show(max, what.unit)}]`;
  return show(median, what.unit) + range + (isNamed ? ` (${what.name})` : '');
}

function latencyCell(latency: Latency | null | undefined): string {
  if (latency == null) return NONE;
  return [latency.p50, latency.p95, latency.p99].map((us) => threeDigits(us / 1_000)).join(' / ');
}

function cpuCell(cpuUs: Readonly<Record<string, number>>): string {
  const cells = Object.entries(cpuUs).map(([name, us]) => `${name} ${threeDigits(us)}`);
  return cells.length === 0 ? NONE : cells.join(', ');
}

function extraCell(value: number | undefined): string {
  if (value === undefined) return NONE;
  if (value >= 100) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}
