/**
 * Signals to the main thread: the first SIGTERM or SIGINT asks for the end, a later one for the end
 * at once. SIGHUP never ends it: a node outlives its terminal.
 */
import { constants } from 'node:os';

/**
 * npm passes a Ctrl-C on to the node, which has had it from the terminal: one signal, told twice.
 */
const SAME_SIGNAL_MS = 250;

export interface SignalHandlers {
  onFirst: (signal: NodeJS.Signals) => void;
  /** With 128 + the signal's number, as shells have it. */
  onSecond: (exitCode: number) => void;
  onHangUp: () => void;
}

export function onSignals({ onFirst, onSecond, onHangUp }: SignalHandlers): void {
  let firstAt = Number.POSITIVE_INFINITY;
  const handle = (signal: NodeJS.Signals): void => {
    const now = performance.now();
    if (firstAt === Number.POSITIVE_INFINITY) {
      firstAt = now;
      onFirst(signal);
    } else if (now - firstAt > SAME_SIGNAL_MS) {
      onSecond(128 + (constants.signals[signal] ?? 0));
    }
  };
  process.on('SIGTERM', handle);
  process.on('SIGINT', handle);
  process.on('SIGHUP', onHangUp);
}
