/** A figure: one number read out of a sample, with its unit, and whether more of it is better. */
import type { Latency, Sample } from './contender.js';

export type Unit = 'per_s' | 'us' | 'us_cpu' | 'bytes' | 's' | 'times';

export interface Figure {
  /** As a column's head: `publishes/s`. */
  name: string;
  unit: Unit;
  better: 'higher' | 'lower';
  /** A rate by another of the same run: it is recorded as ratios are. */
  isRatio?: true;
  /** Null when the sample does not have it. */
  read(sample: Sample): number | null;
}

export const PUBLISHES = rate('publishes/s');
export const DELIVERIES = rate('deliveries/s');
export const ROWS = rate('messages/s');

/** Publish to answer. */
export function answer(percentile: keyof Latency): Figure {
  return duration(`answer ${percentile}`, ({ latencyUs }) => latencyUs?.[percentile] ?? null);
}

/** Publish to receive. */
export function receive(percentile: keyof Latency): Figure {
  return duration(`receive ${percentile}`, ({ deliveryUs }) => deliveryUs?.[percentile] ?? null);
}

/** Of the server and its PostgreSQL together. */
export const CPU: Figure = {
  name: 'CPU a message, server and PostgreSQL',
  unit: 'us_cpu',
  better: 'lower',
  read: ({ cpuUs }) => {
    const { loadgen: _, ...servers } = cpuUs;
    const values = Object.values(servers);
    return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0);
  },
};

/** Of one process by its name: `server`, `second`. */
export function cpuOf(process: string): Figure {
  return {
    name: `CPU a message, ${process}`,
    unit: 'us_cpu',
    better: 'lower',
    read: ({ cpuUs }) => cpuUs[process] ?? null,
  };
}

/** A figure of the scenario alone, as it stands in `more`. */
export function extra(field: string, name: string, unit: Unit, better: Figure['better']): Figure {
  return { name, unit, better, read: ({ more }) => more[field] ?? null };
}

function rate(name: string): Figure {
  return { name, unit: 'per_s', better: 'higher', read: ({ perSecond }) => perSecond };
}

function duration(name: string, read: Figure['read']): Figure {
  return { name, unit: 'us', better: 'lower', read };
}

/** `41,234/s`, `0.28 ms`, `6.8 us`, `1.1 KiB`, `2.31 s`, `1.4x`. */
export function show(value: number, unit: Unit): string {
  switch (unit) {
    case 'per_s':
      return `${Math.round(value).toLocaleString('en-US')}/s`;
    case 'us':
      return `${threeDigits(value / 1_000)} ms`;
    case 'us_cpu':
      return `${threeDigits(value)} us`;
    case 'bytes':
      return `${(value / 1_024).toFixed(2)} KiB`;
    case 's':
      return `${value.toFixed(2)} s`;
    case 'times':
      return `${value.toFixed(2)}x`;
  }
}

/** `0.281`, `41.2`, `1,234`. */
export function threeDigits(value: number): string {
  return value < 100 ? value.toPrecision(3) : Math.round(value).toLocaleString('en-US');
}
