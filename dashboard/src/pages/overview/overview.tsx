/** What the system does now, over the last minutes, and what of it needs somebody. */
import type { ReactNode } from 'react';
import { countText, durationText, ofMany, rateText } from '../../api/texts.js';
import { Card, PageHead } from '../../components/card.js';
import { Chart } from '../../components/chart.js';
import { Failure } from '../../components/notice.js';
import { SparkLine } from '../../components/spark-line.js';
import { columnOf, type Figure, type Sample } from '../../live/samples.js';
import { useLive } from '../../live/use-live.js';
import { Attention } from './attention.js';
import { FirstRun } from './first-run.js';
import { Happenings } from './happenings.js';
import { NodeStrip } from './node-strip.js';

interface TileProps {
  name: string;
  value: ReactNode;
  /** Below the value. */
  text: string;
  samples?: readonly Sample[];
  figure?: Figure;
}

function Tile({ name, value, text, samples = [], figure }: TileProps) {
  return (
    <section className="min-w-0 overflow-hidden rounded-lg border border-line bg-panel">
      <div className="px-4 pt-3">
        <h2 className="truncate text-xs font-medium text-soft">{name}</h2>
        <p className="mt-0.5 truncate text-2xl font-semibold tracking-tight">{value}</p>
        <p className="truncate text-xs text-soft">{text}</p>
      </div>
      <div className="mt-2">
        {figure === undefined ? (
          <div className="h-9" />
        ) : (
          <SparkLine values={columnOf(samples, figure)} />
        )}
      </div>
    </section>
  );
}

export function Overview() {
  const { stats, samples, error } = useLive();
  if (stats === null && error !== null) return <Failure error={error} />;
  const last = samples.at(-1);
  return (
    <>
      <PageHead
        title="Overview"
        text={
          stats === null
            ? 'Waiting for figures'
            : `Up for ${durationText(stats.uptime_seconds * 1_000)}`
        }
      />
      <FirstRun />
      <div className="grid grid-cols-1 gap-3 min-[400px]:grid-cols-2 md:grid-cols-3 2xl:grid-cols-6">
        <Tile
          name="Published per second"
          value={rateText(stats?.messages_per_sec ?? 0)}
          text="over ten seconds"
          {...{ samples, figure: 'published_per_s' }}
        />
        <Tile
          name="Messages"
          value={countText(stats?.total_messages ?? 0)}
          text={`in ${ofMany(stats?.active_topics ?? 0, 'topic')}, ever`}
        />
        <Tile
          name="Subscriptions open"
          value={countText(stats?.active_subscribers ?? 0)}
          text={`on ${ofMany(stats?.nodes ?? 1, 'node')}`}
          {...{ samples, figure: 'subscribers' }}
        />
        <Tile
          name="Sessions"
          value={stats?.sessions === undefined ? '–' : countText(stats.sessions)}
          text={
            stats?.streams === undefined
              ? 'the operator sees them'
              : `${countText(stats.streams)} of them streams`
          }
          {...{ samples, figure: 'sessions' }}
        />
        <Tile
          name="Redelivered per second"
          value={rateText(last?.redelivered_per_s ?? 0)}
          text={`${countText(stats?.redelivered ?? 0)} since the start`}
          {...{ samples, figure: 'redelivered_per_s' }}
        />
        <Tile
          name="Given up per second"
          value={rateText(last?.dead_lettered_per_s ?? 0)}
          text={`${countText(stats?.dead_lettered ?? 0)} since the start`}
          {...{ samples, figure: 'dead_lettered_per_s' }}
        />
      </div>
      <div className="mt-3 grid grid-cols-1 gap-3 xl:grid-cols-[2fr_1fr]">
        <Card title="Traffic" aside="per second">
          <Chart
            label="Messages per second"
            times={columnOf(samples, 'at_ms')}
            lines={[
              {
                label: 'published',
                values: columnOf(samples, 'published_per_s'),
                colour: 'accent',
              },
              {
                label: 'redelivered',
                values: columnOf(samples, 'redelivered_per_s'),
                colour: 'warn',
                dash: [6, 4],
              },
            ]}
          />
        </Card>
        <Attention />
      </div>
      <NodeStrip />
      <Happenings />
    </>
  );
}
