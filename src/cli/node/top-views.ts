/** What `conduit top` can show: a list of the API, its columns, and what is counted between two looks. */
import { type Column, columnsOf, isRow, memberOf, type Row } from '../terminal/table.js';

export interface TopView {
  readonly key: string;
  readonly name: string;
  readonly path: string;
  readonly member: string;
  readonly columns: readonly Column[];
  /** Title of the column that it is sorted by at first. */
  readonly sortedBy: string;
  /** What tells rows apart. */
  readonly idOf: (row: Row) => string;
  /** A member that only grows: its growth in a second is the row's `rate`. */
  readonly counts: string | null;
}

function rate(title: string): Column {
  return { title, of: ({ rate: value }) => value };
}

function lengthOf(name: string): Column {
  return {
    title: name.toUpperCase(),
    of: (row) => {
      const list = memberOf(row, name);
      return Array.isArray(list) ? list.length : null;
    },
  };
}

/** What tells rows apart stands where 80 columns still show it. */
export const TOP_VIEWS: readonly TopView[] = [
  {
    ...{ key: 't', name: 'topics', path: '/api/topics', member: 'topics', counts: 'sequence' },
    columns: [
      rate('PUBLISHED/S'),
      ...columnsOf('sequence', 'name', 'message_count', 'bytes', 'subscriber_count'),
    ],
    sortedBy: 'PUBLISHED/S',
    idOf: ({ name }) => String(name),
  },
  {
    ...{ key: 's', name: 'subscriptions', path: '/api/subscriptions', member: 'subscriptions' },
    counts: 'ack_floor',
    columns: [
      rate('SETTLED/S'),
      ...columnsOf('lag', 'backlog', 'in_flight', 'topic', 'name'),
      ...columnsOf('sessions', 'oldest_unacked_ms', 'paused'),
    ],
    sortedBy: 'LAG',
    idOf: ({ topic, name }) => `${String(topic)}/${String(name)}`,
  },
  {
    ...{ key: 'c', name: 'sessions', path: '/api/sessions', member: 'sessions', counts: null },
    columns: [
      ...columnsOf('in_flight', 'lag', 'buffer_bytes'),
      lengthOf('subscriptions'),
      ...columnsOf('tenant', 'format', 'address', 'connected_at', 'id', 'client'),
    ],
    sortedBy: 'LAG',
    idOf: ({ id }) => String(id),
  },
  {
    ...{ key: 'n', name: 'nodes', path: '/api/nodes', member: 'nodes', counts: null },
    columns: [
      ...columnsOf('state', 'id', 'sessions', 'topics'),
      lengthOf('workers'),
      ...columnsOf('version', 'backplane', 'address', 'started_at'),
    ],
    sortedBy: 'ID',
    idOf: ({ id }) => String(id),
  },
];

/** Remembers what each row had, and when. */
export class GrowthRates {
  readonly #view: TopView;
  #before = new Map<string, number>();
  #atMs = Number.NEGATIVE_INFINITY;

  constructor(view: TopView) {
    this.#view = view;
  }

  /** The rows with their `rate`, 0 at the first look. */
  of(rows: readonly Row[], atMs: number): Row[] {
    const { counts, idOf } = this.#view;
    if (counts === null) return [...rows];
    const seconds = (atMs - this.#atMs) / 1_000;
    const now = new Map<string, number>();
    const rated = rows.map((row) => {
      const id = idOf(row);
      const value = Number(row[counts]);
      now.set(id, value);
      const grown = value - (this.#before.get(id) ?? value);
      return { ...row, rate: Math.max(0, Math.round(grown / seconds)) };
    });
    [this.#before, this.#atMs] = [now, atMs];
    return rated;
  }
}

/** The greatest first, texts by the alphabet; `reversed` the other way round. */
export function sorted(
  rows: readonly Row[],
  column: Column,
  order: 'greatest first' | 'reversed',
): Row[] {
  const sign = order === 'reversed' ? -1 : 1;
  return [...rows].sort((a, b) => sign * compare(column.of(a), column.of(b)));
}

function compare(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return b - a;
  if (typeof a === 'number' || typeof b === 'number') return typeof a === 'number' ? -1 : 1;
  return String(a).localeCompare(String(b), 'en');
}

/** [] of what is no list. */
export function rowsOf(list: unknown): Row[] {
  return Array.isArray(list) ? list.filter(isRow) : [];
}
