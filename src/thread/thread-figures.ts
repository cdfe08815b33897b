/** What a thread says of itself: how busy its event loop was, how late, how large its heap is. */
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { ThreadMetric } from '../observe/metrics.js';
import { processMs } from './process-clock.js';

/** Ten times a second is enough to see what lasts, and costs nothing. */
const RESOLUTION_MS = 100;
const NS_PER_S = 1e9;

/** Each call says it of the time since the one before; `said`: when, by processMs. */
export function threadFigures(): () => Record<ThreadMetric, number> {
  const late = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  late.enable();
  let before = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    // It counts from one look to the next: what is beside the resolution is the delay.
    const delay = Math.max(0, late.max / NS_PER_S - RESOLUTION_MS / 1_000);
    late.reset();
    return { utilization, delay, heap: process.memoryUsage().heapUsed, said: processMs() };
  };
}
