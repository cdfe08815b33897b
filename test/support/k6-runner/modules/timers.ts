/** k6/timers: the iteration goes on until they have run. */
import { context } from './context.js';

const open = new Set<NodeJS.Timeout>();

export function setTimeout(run: () => void, ms: number): NodeJS.Timeout {
  context.began();
  const timer = globalThis.setTimeout(() => {
    open.delete(timer);
    try {
      run();
    } finally {
      context.ended();
    }
  }, ms);
  open.add(timer);
  return timer;
}

export function clearTimeout(timer: NodeJS.Timeout): void {
  if (!open.delete(timer)) return;
  globalThis.clearTimeout(timer);
  context.ended();
}
