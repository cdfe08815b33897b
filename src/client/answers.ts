/** Who waits for the answer with which ref, on one connection. */
import type { ServerFrame } from '../wire/server-frame-types.js';

/** Null: the connection ended before it came. */
type Waiting = (frame: ServerFrame | null) => void;

export class Answers {
  readonly #newRef: () => number;
  readonly #waiting = new Map<number, Waiting>();

  constructor(newRef: () => number) {
    this.#newRef = newRef;
  }

  /** The ref to send. `waiting` is called once. */
  expect(waiting: Waiting): number {
    const ref = this.#newRef();
    this.#waiting.set(ref, waiting);
    return ref;
  }

  /** False: nobody waits for it here. */
  came(frame: ServerFrame): boolean {
    const ref = 'ref' in frame ? frame.ref : undefined;
    const waiting = typeof ref === 'number' ? this.#waiting.get(ref) : undefined;
    if (waiting === undefined) return false;
    this.#waiting.delete(ref as number);
    waiting(frame);
    return true;
  }

  /** The connection ended. */
  end(): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const answer of waiting) answer(null);
  }
}
