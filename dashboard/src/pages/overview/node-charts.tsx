/** Traffic and latency over the last minutes, up to an hour; they can be held still to be looked at. */
import { useState } from 'react';
import { durationText } from '../../api/texts.js';
import { Button } from '../../components/button.js';
import { Card } from '../../components/card.js';
import { Chart } from '../../components/chart.js';
import type { ChartLine } from '../../components/time-chart.js';
import { useUrlState } from '../../hooks/use-url-state.js';
import { columnOf, type Figure, type Sample } from '../../live/samples.js';

/** By what stands in the URL; the first is what is shown without it. */
const RANGES = { '5m': 5, '15m': 15, '1h': 60 } as const;
const MS_PER_MIN = 60_000;

function line(
  samples: readonly Sample[],
  figure: Figure,
  of: Omit<ChartLine, 'values'>,
): ChartLine {
  return { ...of, values: columnOf(samples, figure) };
}

function trafficOf(samples: readonly Sample[], isOfNode: boolean): ChartLine[] {
  const published = line(samples, 'published_per_s', { label: 'published', colour: 'accent' });
  const redelivered = line(samples, 'redelivered_per_s', {
    ...{ label: 'redelivered', colour: 'warn', dash: [6, 4] },
  });
  if (!isOfNode) return [published, redelivered];
  const delivered = line(samples, 'delivered_per_s', {
    ...{ label: 'delivered', colour: 'good', dash: [2, 3] },
  });
  return [published, delivered, redelivered];
}

function latencyOf(samples: readonly Sample[]): ChartLine[] {
  return [
    line(samples, 'publish_p99_ms', { label: 'publish p99', colour: 'accent' }),
    line(samples, 'delivery_p99_ms', { label: 'delivery p99', colour: 'warn', dash: [6, 4] }),
    line(samples, 'delivery_p50_ms', { label: 'delivery p50', colour: 'soft', dash: [2, 3] }),
  ];
}

/** Two parts of a grid: what is chosen, over its whole width, and the charts. */
export function NodeCharts({ samples }: { samples: readonly Sample[] }) {
  const [get, set] = useUrlState();
  const [held, setHeld] = useState<readonly Sample[] | null>(null);
  const range = Object.keys(RANGES).find((name) => name === get('range')) ?? '5m';
  const all = held ?? samples;
  const last = all.at(-1);
  const sinceMs = (last?.at_ms ?? 0) - RANGES[range as keyof typeof RANGES] * MS_PER_MIN;
  const shown = all.filter(({ at_ms: atMs }) => atMs >= sinceMs);
  const times = columnOf(shown, 'at_ms');
  const isOfNode = last?.delivered_per_s !== undefined;
  const commit = last?.commit_ms ?? 0;
  return (
    <>
      <div className="flex flex-wrap items-center gap-1 xl:col-span-2">
        {Object.keys(RANGES).map((name) => (
          <Button
            key={name}
            look={name === range ? 'plain' : 'quiet'}
            aria-pressed={name === range}
            onClick={() => set({ range: name === '5m' ? null : name })}
          >
            {name}
          </Button>
        ))}
        <Button
          look="quiet"
          icon={held === null ? 'pause' : 'playground'}
          aria-pressed={held !== null}
          onClick={() => setHeld(held === null ? samples : null)}
        >
          {held === null ? 'Freeze' : 'Go on'}
        </Button>
      </div>
      <div className={`grid min-w-0 grid-cols-1 gap-3 ${isOfNode ? 'lg:grid-cols-2' : ''}`}>
        <Card title="Traffic" aside="per second">
          <Chart label="Messages per second" times={times} lines={trafficOf(shown, isOfNode)} />
        </Card>
        {isOfNode ? (
          <Card
            title="Latency"
            aside={
              commit === 0
                ? 'ms'
                : `ms; a commit takes ${durationText(commit)} for ${(last?.commit_rows ?? 0).toFixed(1)} messages`
            }
          >
            <Chart label="Milliseconds" times={times} lines={latencyOf(shown)} />
          </Card>
        ) : null}
      </div>
    </>
  );
}
