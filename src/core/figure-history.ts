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

export type ChartedFigure = keyof typeof CHARTED;
/** `atMs`: Unix ms. */
export type FigurePoint = Readonly<Record<ChartedFigure | 'atMs', number>>;

export const POINTS_MAX = 3_600;
const COLUMNS = ['atMs', ...(Object.keys(CHARTED) as ChartedFigure[])] as const;
/** How many were written, ever. */
const COUNT = 0;
/** The newest stand as they are, those before as the mean of so many. */
const FINE_POINTS = 600;
const COARSE = 10;

export class FigureHistory {
  readonly #cells: Float64Array;

  constructor(memory: ArrayBufferLike = FigureHistory.memory(ArrayBuffer)) {
    this.#cells = new Float64Array(memory);
  }

  static memory<M>(of: new (bytes: number) => M): M {
    return new of((1 + POINTS_MAX * COLUMNS.length) * Float64Array.BYTES_PER_ELEMENT);
  }

  /** How many were written, ever. */
  get written(): number {
    return this.#cells[COUNT] ?? 0;
  }

  add(point: FigurePoint): void {
    const { written } = this;
    COLUMNS.forEach((name, n) => {
      this.#cells[placeOf(written, n)] = point[name];
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
    return pointOf((_, n) => this.#cells[placeOf(at, n)] ?? 0);
  }

  #mean(from: number): FigurePoint {
    return pointOf((name, n) => {
      let sum = 0;
      for (let at = from; at < from + COARSE; at++) sum += this.#cells[placeOf(at, n)] ?? 0;
      return name === 'atMs' ? Math.round(sum / COARSE) : tenths(sum / COARSE);
    });
  }
}

/** Rates are shown with one digit behind the point. */
export function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}

function placeOf(point: number, column: number): number {
  return 1 + (point % POINTS_MAX) * COLUMNS.length + column;
}

function pointOf(value: (name: ChartedFigure | 'atMs', column: number) => number): FigurePoint {
  const entries = COLUMNS.map((name, n) => [name, value(name, n)] as const);
  return Object.fromEntries(entries) as unknown as FigurePoint;
}
