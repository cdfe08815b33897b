/** How long it takes from pressing Publish to the message's coming back, both by the clock of this page. */
import { durationText } from '../../api/texts.js';
import { SparkLine } from '../../components/spark-line.js';

const KEPT = 100;

export interface Latencies {
  /** The last ones, ms, the oldest first. */
  last: readonly number[];
}

export const NO_LATENCIES: Latencies = { last: [] };

export function withLatency({ last }: Latencies, ms: number): Latencies {
  return { last: [...last.slice(1 - KEPT), ms] };
}

function shareOf(sorted: readonly number[], share: number): string {
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return value === undefined ? '–' : durationText(value);
}

export function LatencyMeter({ latencies: { last } }: { latencies: Latencies }) {
  const sorted = [...last].sort((a, b) => a - b);
  const newest = last.at(-1);
  const facts = [
    ['Last', newest === undefined ? '–' : durationText(newest)],
    ['Half within', shareOf(sorted, 0.5)],
    ['95 of 100 within', shareOf(sorted, 0.95)],
    ['Longest', shareOf(sorted, 1)],
  ] as const;
  return (
    <section
      aria-label="Latency"
      className="flex flex-wrap items-center gap-x-6 gap-y-2 rounded-lg border border-line bg-panel px-4 py-3"
    >
      <h2 className="text-sm font-semibold">From Publish to arrival</h2>
      <dl className="flex flex-wrap gap-x-6 gap-y-1 text-sm">
        {facts.map(([name, value]) => (
          <div key={name} className="flex items-baseline gap-2">
            <dt className="text-xs text-soft">{name}</dt>
            <dd className="font-semibold">{value}</dd>
          </div>
        ))}
      </dl>
      <div className="min-w-40 flex-1">
        {last.length < 2 ? (
          <p className="text-xs text-soft">
            Subscribe to the topic that you publish to, and it is measured.
          </p>
        ) : (
          <SparkLine values={last} points={KEPT} />
        )}
      </div>
    </section>
  );
}
