/**
 * The last hour of a node's, or a tenant's, figures: a point a second, in memory that threads may share. One
 * thread writes, any reads. Bounded: what is older than POINTS_MAX points is overwritten.
 */

/** What charts draw, by what clients read of each. */
export const CHARTED = {
  publishedPerS: 'Messages that were stored, a second.',
  redeliveredPerS: 'Deliveries that were not the first, a second.',
  deadLetteredPerS: 'Messages that were given up, a second.',
  subscribers: 'Subscriptions that are open.',
  sessions: 'Sessions, streams included.',
} as const;

/** Of a whole node, for its operator. Quantiles are of the last ten seconds; 0: there was none. */
export const NODE_CHARTED = {
  deliveredPerS: 'Messages that sockets took, a second.',
  inFlight: 'Messages that were delivered and are not settled.',
  oldestUnackedMs: 'Since the oldest of those was sent, of subscribers that acknowledge.',
  publishP50Ms: 'From a worker taking a publish to its commit: half of them were faster.',
  publishP95Ms: 'The same: 95 of 100.',
  publishP99Ms: 'The same: 99 of 100.',
  deliveryP50Ms: 'From the commit of a message to its hand-over: half of them were faster.',
  deliveryP95Ms: 'The same: 95 of 100.',
  deliveryP99Ms: 'The same: 99 of 100.',
  commitMs: 'What an append transaction took, on average.',
  commitRows: 'Messages of an append transaction, on average.',
} as const;

export type ChartedFigure = keyof typeof CHARTED;
export type NodeFigure = keyof typeof NODE_CHARTED;
/** `atMs`: Unix ms. Those of the node: of a tenant's there are none. */
export type FigurePoint = Readonly<
  Record<ChartedFigure | 'atMs', number> & Partial<Record<NodeFigure, number>>
>;
export type FigureName = keyof FigurePoint;

export const POINTS_MAX = 3_600;
const COLUMNS = {
  tenant: ['atMs', ...Object.keys(CHARTED)] as FigureName[],
  node: ['atMs', ...Object.keys(CHARTED), ...Object.keys(NODE_CHARTED)] as FigureName[],
};
export type HistoryKind = keyof typeof COLUMNS;
/** How many were written, ever. */
const COUNT = 0;
/** The newest stand as they are, those before as the mean of so many. */
const FINE_POINTS = 600;
const COARSE = 10;

export class FigureHistory {
  readonly columns: readonly FigureName[];
  readonly #cells: Float64Array;

  constructor(
    kind: HistoryKind,
    memory: ArrayBufferLike = FigureHistory.memory(ArrayBuffer, kind),
  ) {
    this.columns = COLUMNS[kind];
    this.#cells = new Float64Array(memory);
  }

  static memory<M>(of: new (bytes: number) => M, kind: HistoryKind): M {
    return new of((1 + POINTS_MAX * COLUMNS[kind].length) * Float64Array.BYTES_PER_ELEMENT);
  }

  /** How many were written, ever. */
  get written(): number {
    return this.#cells[COUNT] ?? 0;
  }

  add(point: FigurePoint): void {
    const { written } = this;
    this.columns.forEach((name, n) => {
      this.#cells[this.#placeOf(written, n)] = point[name] ?? 0;
    });
    this.#cells[COUNT] = written + 1;
  }

  get last(): FigurePoint | null {
    return this.written === 0 ? null : this.#point(this.written - 1);
  }

  /** The oldest first: the last ten minutes whole, what is older as the mean of ten points. */
  read(): FigurePoint[] {
    const { written } = this;
    // One less: the oldest may be overwritten this moment.
    let at = Math.max(0, written - POINTS_MAX + 1);
    const points: FigurePoint[] = [];
    for (; written - at > FINE_POINTS; at += COARSE) points.push(this.#mean(at));
    for (; at < written; at++) points.push(this.#point(at));
    return points;
  }

  #point(at: number): FigurePoint {
    return this.#pointOf((_, n) => this.#cells[this.#placeOf(at, n)] ?? 0);
  }

  #mean(from: number): FigurePoint {
    return this.#pointOf((name, n) => {
      let sum = 0;
      for (let at = from; at < from + COARSE; at++) sum += this.#cells[this.#placeOf(at, n)] ?? 0;
      return name === 'atMs' ? Math.round(sum / COARSE) : tenths(sum / COARSE);
    });
  }

  #placeOf(point: number, column: number): number {
    return 1 + (point % POINTS_MAX) * this.columns.length + column;
  }

  #pointOf(value: (name: FigureName, column: number) => number): FigurePoint {
    const entries = this.columns.map((name, n) => [name, value(name, n)] as const);
    return Object.fromEntries(entries) as unknown as FigurePoint;
  }
}

/** Rates are shown with one digit behind the point. */
export function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}
