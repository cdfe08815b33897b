/** k6's own module, as far as the scripts of ops/k6 use it. */
import { context } from './context.js';

type Check<T> = (value: T) => boolean;

/** True when all hold; each counts in `checks`. */
export function check<T>(value: T, checks: Readonly<Record<string, Check<T>>>): boolean {
  let isGood = true;
  for (const [name, holds] of Object.entries(checks)) {
    const isTrue = Boolean(holds(value));
    context.record('checks', Number(isTrue), { check: name });
    isGood &&= isTrue;
  }
  return isGood;
}

export function sleep(seconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, seconds * 1_000);
}
