import type { Latency } from '../contender.js';

/** Of single measurements in microseconds, in any order; null when there are none. */
export function latencyOf(measured: readonly number[]): Latency | null {
  const sorted = Float64Array.from(measured).sort();
  const count = sorted.length;
  if (count === 0) return null;
  const at = (share: number): number => sorted[Math.ceil(share * count) - 1] ?? 0;
  return {
    p50: at(0.5),
    p90: at(0.9),
    p95: at(0.95),
    p99: at(0.99),
    p999: at(0.999),
    max: at(1),
    mean: sorted.reduce((sum, value) => sum + value, 0) / count,
  };
}
