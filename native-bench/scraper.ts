/** Asks a node for its metrics once a second, as Prometheus does, until it is stopped. */
import { setTimeout as delay } from 'node:timers/promises';

const EVERY_MS = 1_000;
const ANSWER_MS = 10_000;

export interface Scraper {
  /** Ends it; rejects where a node did not answer, which would have cost it nothing. */
  stop(): Promise<void>;
}

/** `target`: host:port. */
export function startScraper(target: string): Scraper {
  const end = new AbortController();
  const done = scrape(target, end.signal);
  // It is told at the end.
  done.catch(() => undefined);
  return {
    stop: () => {
      end.abort();
      return done;
    },
  };
}

async function scrape(target: string, end: AbortSignal): Promise<void> {
  while (!end.aborted) {
    const answer = await fetch(`http://${target}/metrics`, {
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`GET /metrics: ${answer.status} ${text.slice(0, 100)}`);
    await delay(EVERY_MS, undefined, { signal: end }).catch(() => undefined);
  }
}
