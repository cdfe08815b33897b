/** SIGTERM and SIGINT: the first drains, the second ends the process at once. SIGHUP is ignored. */
import { constants } from 'node:os';

export interface SignalHandlers {
  onFirst: (signal: NodeJS.Signals) => void;
  /** With 128 + the signal's number, as shells have it. */
  onSecond: (exitCode: number) => void;
}

export function onSignals({ onFirst, onSecond }: SignalHandlers): void {
  let count = 0;
  const handle = (signal: NodeJS.Signals): void => {
    count++;
    if (count === 1) onFirst(signal);
    else onSecond(128 + (constants.signals[signal] ?? 0));
  };
  process.on('SIGTERM', handle);
  process.on('SIGINT', handle);
  process.on('SIGHUP', () => undefined);
}
