/** What the load generator writes to stdout, field by field. */
import type { Latency } from './contender.js';

/** [upper bound in microseconds, count], rising. */
export type Histogram = readonly (readonly [number, number])[];

export interface LoadResult {
  valid: boolean;
  problems: string[];
  /** Of the counted window. */
  seconds: number;
  published: Published;
  delivered: Delivered;
  /** Seconds from the subscribe request; null where nothing was to come. */
  firstDeliveryS: number | null;
  completeS: number | null;
  /** In the counted window, by process. */
  cpuS: Record<string, number>;
  rssBytes: Record<string, { start: number; end: number }>;
}

export interface Published {
  count: number;
  perSecond: number;
  /** Status or reason -> how many. */
  errors: Record<string, number>;
  /** Null when nothing was measured, as in Delivered. */
  latencyUs: Latency | null;
  /** Counted from the scheduled time. */
  corrected: boolean;
  histogram: Histogram;
}

export interface Delivered {
  count: number;
  perSecond: number;
  bytes: number;
  acked: number;
  gaps: number;
  duplicates: number;
  reorders: number;
  latencyUs: Latency | null;
  histogram: Histogram;
}

const LATENCY = ['p50', 'p90', 'p95', 'p99', 'p999', 'max', 'mean'] as const;

/** Throws an Error of one line that names the field that is missing or wrong. */
export function readLoadResult(json: unknown): LoadResult {
  const all = new Fields(json, 'the result');
  const published = all.fields('published');
  const delivered = all.fields('delivered');
  const rss = all.fields('rss_bytes');
  return {
    valid: all.flag('valid'),
    problems: all.list('problems').map(String),
    seconds: all.number('seconds'),
    published: {
      count: published.number('count'),
      perSecond: published.number('per_s'),
      errors: published.fields('errors').numbers(),
      latencyUs: published.latency(),
      corrected: published.flag('corrected'),
      histogram: published.list('histogram') as unknown as Histogram,
    },
    delivered: {
      count: delivered.number('count'),
      perSecond: delivered.number('per_s'),
      bytes: delivered.number('bytes'),
      acked: delivered.number('acked'),
      gaps: delivered.number('gaps'),
      duplicates: delivered.number('duplicates'),
      reorders: delivered.number('reorders'),
      latencyUs: delivered.latency(),
      histogram: delivered.list('histogram') as unknown as Histogram,
    },
    firstDeliveryS: all.numberOrNull('first_delivery_s'),
    completeS: all.numberOrNull('complete_s'),
    cpuS: all.fields('cpu_s').numbers(),
    rssBytes: Object.fromEntries(
      rss.names().map((name) => {
        const one = rss.fields(name);
        return [name, { start: one.number('start'), end: one.number('end') }];
      }),
    ),
  };
}

class Fields {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #place: string;

  constructor(json: unknown, place: string) {
    if (typeof json !== 'object' || json === null || Array.isArray(json)) {
      throw new Error(`load generator: ${place} is no object`);
    }
    this.#values = json as Record<string, unknown>;
    this.#place = place;
  }

  names(): string[] {
    return Object.keys(this.#values);
  }

  number(name: string): number {
    const value = this.#value(name);
    return typeof value === 'number' ? value : this.#wrong(name, 'a number');
  }

  numberOrNull(name: string): number | null {
    return this.#value(name) === null ? null : this.number(name);
  }

  flag(name: string): boolean {
    const value = this.#value(name);
    return typeof value === 'boolean' ? value : this.#wrong(name, 'true or false');
  }

  list(name: string): unknown[] {
    const value = this.#value(name);
    return Array.isArray(value) ? value : this.#wrong(name, 'a list');
  }

  fields(name: string): Fields {
    return new Fields(this.#value(name), name);
  }

  numbers(): Record<string, number> {
    return Object.fromEntries(this.names().map((name) => [name, this.number(name)]));
  }

  /** Null when nothing was counted. */
  latency(): Latency | null {
    if (this.#value('latency_us') === null || this.number('count') === 0) return null;
    const all = this.fields('latency_us');
    return Object.fromEntries(
      LATENCY.map((name) => [name, all.number(name)]),
    ) as unknown as Latency;
  }

  #value(name: string): unknown {
    if (!(name in this.#values)) {
      throw new Error(`load generator: ${this.#place} has no ${name}`);
    }
    return this.#values[name];
  }

  #wrong(name: string, kind: string): never {
    throw new Error(`load generator: ${name} of ${this.#place} is not ${kind}`);
  }
}
