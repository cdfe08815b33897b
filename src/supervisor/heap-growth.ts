/**
 * How far the threads' heaps may grow before V8 collects all of them. V8 begins to mark when an old
 * generation may grow by less than the young one has (32 MB); with the 17 MB that a worker of a thousand
 * acknowledging sessions keeps, and the growth V8 chooses for them (40 MB), that was always: a pause of 10
 * ms three times a second (node --trace-gc --trace-incremental-marking). With this there is one in ten
 * seconds. It is the most that V8 chooses by itself.
 */
import { setFlagsFromString } from 'node:v8';

/** Per cent of what is kept; to be called before the first thread starts. */
export function letHeapsGrow(): void {
  setFlagsFromString('--heap-growing-percent=300');
}
