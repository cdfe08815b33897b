/** Lists and objects for people. Names of Conduit are ASCII; what is not (payloads, reasons) stands last. */
import { cellOf, JsonText, printable } from './printable.js';

export type Row = Readonly<Record<string, unknown>>;

export interface Column {
  readonly title: string;
  readonly of: (row: Row) => unknown;
}

/** A column for each member, under its name. */
export function columnsOf(...names: readonly string[]): Column[] {
  return names.map((name) => ({
    title: name.replaceAll('_', ' ').toUpperCase(),
    of: (row) => memberOf(row, name),
  }));
}

/** `retention.hours`: a member of a member. */
export function memberOf(row: Row, name: string): unknown {
  let value: unknown = row;
  for (const part of name.split('.')) {
    value = isRow(value) ? value[part] : undefined;
  }
  return value;
}

export function isRow(value: unknown): value is Row {
  if (typeof value !== 'object' || value === null) return false;
  return !Array.isArray(value) && !(value instanceof JsonText);
}

/** Pages of one list under one head: a column is as wide as what came first, or wider. */
export class Table {
  readonly #columns: readonly Column[];
  #widths: number[];
  #state: 'empty' | 'begun' = 'empty';

  constructor(columns: readonly Column[]) {
    this.#columns = columns;
    this.#widths = columns.map(({ title }) => title.length);
  }

  /** Lines, without a break at the end; '' of no rows. */
  lines(rows: readonly Row[]): string[] {
    const cells = rows.map((row) => this.#columns.map(({ of }) => cellOf(of(row))));
    this.#widths = this.#widths.map((width, at) =>
      Math.max(width, ...cells.map((line) => line[at]?.length ?? 0)),
    );
    const head = this.#state === 'empty' ? [this.#columns.map(({ title }) => title)] : [];
    this.#state = 'begun';
    return [...head, ...cells].map((line) => this.#line(line));
  }

  /** Numbers stand to the right. */
  #line(cells: readonly string[]): string {
    return cells
      .map((cell, at) => {
        const width = this.#widths[at] ?? 0;
        return /^\d+$/.test(cell) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  }
}

/** A line for each member, those of members with a point between. */
export function memberLines(row: Row): string[] {
  const flat = flatten(row, '');
  const width = Math.max(0, ...flat.map(([name]) => name.length));
  return flat.map(([name, value]) => `${`${name}:`.padEnd(width + 1)} ${cellOf(value)}`);
}

function flatten(row: Row, prefix: string): [string, unknown][] {
  return Object.entries(row).flatMap(([name, value]): [string, unknown][] => {
    const full = `${prefix}${printable(name)}`;
    const isNested = isRow(value) && name !== 'headers';
    return isNested ? flatten(value, `${full}.`) : [[full, value]];
  });
}
