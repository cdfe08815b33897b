/** What each worker of the node says of itself, in memory that all of its threads read. */
import { BACKPLANE_STATES, type BackplaneState } from '../core/backplane-figures.js';

/** Of a worker: how many topics it has met; the place of its backplane's state, from 1; 0: it has none. */
const CELLS = 2;

export class WorkerMarks {
  readonly #memory: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#memory = new Int32Array(memory);
  }

  static memory(workers: number): SharedArrayBuffer {
    return new SharedArrayBuffer(CELLS * workers * Int32Array.BYTES_PER_ELEMENT);
  }

  /** By the worker's number. */
  get topics(): number[] {
    return this.#cellsOf(0);
  }

  /** The worst of all workers; null: they have none. */
  get backplane(): BackplaneState | null {
    const worst = Math.max(...this.#cellsOf(1));
    return BACKPLANE_STATES[worst - 1] ?? null;
  }

  /** By that worker alone. */
  set(worker: number, { topics, backplane }: { topics: number; backplane: BackplaneState | null }) {
    const state = backplane === null ? 0 : 1 + BACKPLANE_STATES.indexOf(backplane);
    Atomics.store(this.#memory, CELLS * worker, topics);
    Atomics.store(this.#memory, CELLS * worker + 1, state);
  }

  #cellsOf(place: number): number[] {
    const workers = this.#memory.length / CELLS;
    const at = (_: unknown, worker: number): number =>
      Atomics.load(this.#memory, CELLS * worker + place);
    return Array.from({ length: workers }, at);
  }
}
