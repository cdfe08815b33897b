/**
 * How far the threads' heaps may grow.
 *
 * All of a heap is collected later than V8 does it by itself. It begins to mark when an old generation
 * may grow by less than the young one has; with the 17 MB that a worker of a thousand acknowledging
 * sessions keeps, and the growth V8 chooses for them (40 MB), that was always: a pause of 10 ms three times
 * a second (node --trace-gc --trace-incremental-marking). With this there is one in ten seconds. It is the
 * most that V8 chooses by itself.
 *
 * A worker's young generation is kept small. V8 gives it up to 32 MB as soon as much survives, as it does
 * while sessions come, and it stays so large while nothing happens: a KiB for each of 10,000 idle sessions.
 * The acceptor's may grow: it has the publishes under way, and collecting them more often costs a tenth.
 */
import { setFlagsFromString } from 'node:v8';
import type { ResourceLimits } from 'node:worker_threads';

/** 4 MB of new objects, as many of survivors. */
export const WORKER_HEAP: ResourceLimits = { maxYoungGenerationSizeMb: 12 };

/** Per cent of what is kept; to be called before the first thread starts. */
export function letHeapsGrow(): void {
  setFlagsFromString('--heap-growing-percent=300');
}
