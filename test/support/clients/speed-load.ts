/**
 * Reads a topic from its beginning as fast as a client can, acknowledging cumulatively. Runs in Node and,
 * bundled, in a page: imports the client alone.
 */
import { type Codec, connect } from '../../../src/client/client.js';

export interface SpeedFigures {
  messages: number;
  /** From the first message to the last. */
  seconds: number;
  /** Tasks of the page that took more than 50 ms, in that time; of Node none is known. */
  longTasksMs: number[];
}

const MAX_IN_FLIGHT = 1_000;

/** `began` is called with the first message, `ended` with the last. */
export async function readAll(
  { url, topic, messages, codec }: { url: string; topic: string; messages: number; codec?: Codec },
  { began, ended }: { began: () => void; ended: () => void },
): Promise<SpeedFigures> {
  const client = connect({ url, ...(codec === undefined ? {} : { codec }) });
  const longTasksMs: number[] = [];
  const observer = watchTasks((ms) => longTasksMs.push(ms));
  let count = 0;
  let sum = 0;
  let startedAt = 0;
  await new Promise<void>((resolve) => {
    client.subscribe<{ n: number }>(topic, {
      start: 'earliest',
      maxInFlight: MAX_IN_FLIGHT,
      onMessage: ({ payload }) => {
        if (count === 0) {
          longTasksMs.length = 0;
          startedAt = performance.now();
          began();
        }
        count++;
        sum += payload.n;
        if (count === messages) resolve();
      },
    });
  });
  ended();
  const seconds = (performance.now() - startedAt) / 1_000;
  observer?.disconnect();
  await client.close();
  if (sum !== (messages * (messages + 1)) / 2) throw new Error(`other messages came: ${sum}`);
  return { messages, seconds, longTasksMs };
}

/** By the Long Tasks API, which pages have. */
function watchTasks(told: (ms: number) => void): { disconnect(): void } | null {
  const { supportedEntryTypes } = PerformanceObserver as unknown as {
    supportedEntryTypes: readonly string[];
  };
  if (!supportedEntryTypes.includes('longtask')) return null;
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) told(duration);
  });
  observer.observe({ entryTypes: ['longtask'] as never });
  return observer;
}
