/**
 * Load of the client's own: publishers that keep a window of publishes under way, subscribers that
 * acknowledge all, one process. Its figures are those of the client and the node together.
 */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import type { ConduitClient } from '../../client/conduit-client.js';
import { JsonText } from '../terminal/printable.js';

const OUTSTANDING = 64;
const DRAIN_MS = 10_000;
const US_PER_MS = 1_000;
const HISTOGRAM_US_MAX = 60_000_000;

export interface ClientLoadOptions {
  topic: string;
  publishers: readonly ConduitClient[];
  subscribers: readonly ConduitClient[];
  /** Characters of payloads, about. */
  size: number;
  seconds: number;
  /** Ends it sooner. */
  end: AbortSignal;
  onProgress: (published: number) => void;
}

export interface LoadFigures {
  seconds: number;
  published: number;
  delivered: number;
  publish: LatencyFigures;
  delivery: LatencyFigures;
}

/** Ms. */
export interface LatencyFigures {
  p50: number;
  p99: number;
  max: number;
}

/** Rejects with ConduitError when a publish is refused. */
export async function clientLoad(options: ClientLoadOptions): Promise<LoadFigures> {
  const { topic, publishers, subscribers, size, seconds, end, onProgress } = options;
  const publish = newHistogram();
  const delivery = newHistogram();
  const counts = { published: 0, delivered: 0 };
  const subscriptions = subscribers.map((client) =>
    client.subscribe(topic, {
      maxInFlight: 1_000,
      onMessage: ({ payload }) => {
        counts.delivered++;
        record(delivery, performance.now() - sentAtOf(payload));
      },
    }),
  );
  await Promise.all(subscriptions.map((subscription) => subscription.ready()));
  const startedAt = performance.now();
  const endAt = startedAt + seconds * 1_000;
  const pad = 'x'.repeat(Math.max(0, size - 40));
  const lane = async (client: ConduitClient): Promise<void> => {
    while (performance.now() < endAt && !end.aborted) {
      const at = performance.now();
      await client.publish(topic, { at, pad });
      record(publish, performance.now() - at);
      counts.published++;
      onProgress(counts.published);
    }
  };
  await Promise.all(
    publishers.flatMap((one) => Array.from({ length: OUTSTANDING }, () => lane(one))),
  );
  const ran = (performance.now() - startedAt) / 1_000;
  await delivered(() => counts.delivered >= counts.published * subscribers.length);
  return {
    ...{ seconds: rounded(ran), ...counts },
    ...{ publish: figuresOf(publish), delivery: figuresOf(delivery) },
  };
}

async function delivered(isAll: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + DRAIN_MS;
  while (!isAll() && performance.now() < giveUpAt) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function sentAtOf(payload: unknown): number {
  const { at } = JSON.parse(payload instanceof JsonText ? payload.text : '{}') as { at?: unknown };
  return typeof at === 'number' ? at : performance.now();
}

function newHistogram(): RecordableHistogram {
  return createHistogram({ lowest: 1, highest: HISTOGRAM_US_MAX, figures: 3 });
}

function record(histogram: RecordableHistogram, ms: number): void {
  histogram.record(Math.min(HISTOGRAM_US_MAX, Math.max(1, Math.round(ms * US_PER_MS))));
}

function figuresOf(histogram: RecordableHistogram): LatencyFigures {
  if (histogram.count === 0) return { p50: 0, p99: 0, max: 0 };
  const [p50, p99] = [50, 99].map((percent) => rounded(histogram.percentile(percent) / US_PER_MS));
  return { p50: p50 ?? 0, p99: p99 ?? 0, max: rounded(histogram.max / US_PER_MS) };
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
