/** The figures of the moment, each with its last minutes. What is of the whole node is the operator's. */
import type { ReactNode } from 'react';
import { countText, durationText, ofMany, rateText } from '../../api/texts.js';
import type { Stats } from '../../api/views.js';
import { SparkLine } from '../../components/spark-line.js';
import { columnOf, type Figure, type Sample } from '../../live/samples.js';

interface TileProps {
  name: string;
  value: ReactNode;
  /** Below the value. */
  text: string;
  samples: readonly Sample[];
  figure: Figure;
}

function Tile({ name, value, text, samples, figure }: TileProps) {
  return (
    <section className="min-w-0 overflow-hidden rounded-lg border border-line bg-panel">
      <div className="px-4 pt-3">
        <h2 className="truncate text-xs font-medium text-soft">{name}</h2>
        <p className="mt-0.5 truncate text-2xl font-semibold tracking-tight">{value}</p>
        <p className="truncate text-xs text-soft">{text}</p>
      </div>
      <div className="mt-2">
        <SparkLine values={columnOf(samples, figure)} />
      </div>
    </section>
  );
}

/** Of one second at least, the average of which is none. */
function latencyText(ms: number | undefined): string {
  return ms === undefined || ms === 0 ? '–' : durationText(ms);
}

export function Tiles({ stats, samples }: { stats: Stats | null; samples: readonly Sample[] }) {
  const last: Partial<Sample> = samples.at(-1) ?? {};
  const isOfNode = last.delivered_per_s !== undefined;
  const oldest = stats?.oldest_unacked_ms ?? null;
  return (
    <div className="grid grid-cols-1 gap-3 min-[400px]:grid-cols-2 md:grid-cols-4">
      <Tile
        name="Published per second"
        value={rateText(stats?.messages_per_sec ?? 0)}
        text={`${countText(stats?.total_messages ?? 0)} in ${ofMany(stats?.active_topics ?? 0, 'topic')}, ever`}
        {...{ samples, figure: 'published_per_s' }}
      />
      {isOfNode ? (
        <>
          <Tile
            name="Delivered per second"
            value={rateText(last.delivered_per_s ?? 0)}
            text={`${rateText(last.redelivered_per_s ?? 0)} of them again`}
            {...{ samples, figure: 'delivered_per_s' }}
          />
          <Tile
            name="Publish to commit, p99"
            value={latencyText(last.publish_p99_ms)}
            text={`p50 ${latencyText(last.publish_p50_ms)}, p95 ${latencyText(last.publish_p95_ms)}`}
            {...{ samples, figure: 'publish_p99_ms' }}
          />
          <Tile
            name="Commit to delivery, p99"
            value={latencyText(last.delivery_p99_ms)}
            text={`p50 ${latencyText(last.delivery_p50_ms)}, p95 ${latencyText(last.delivery_p95_ms)}`}
            {...{ samples, figure: 'delivery_p99_ms' }}
          />
        </>
      ) : null}
      <Tile
        name="In flight"
        value={countText(stats?.in_flight ?? 0)}
        text={oldest === null ? 'none is waited for' : `the oldest for ${durationText(oldest)}`}
        {...{ samples, figure: 'in_flight' }}
      />
      <Tile
        name="Dead letters"
        value={countText(stats?.dead_letters ?? 0)}
        text={`${countText(stats?.dead_lettered ?? 0)} given up since the start`}
        {...{ samples, figure: 'dead_lettered_per_s' }}
      />
      <Tile
        name="Subscriptions open"
        value={countText(stats?.active_subscribers ?? 0)}
        text={`on ${ofMany(stats?.nodes ?? 1, 'node')}`}
        {...{ samples, figure: 'subscribers' }}
      />
      {stats?.sessions === undefined ? (
        <Tile
          name="Redelivered per second"
          value={rateText(last.redelivered_per_s ?? 0)}
          text={`${countText(stats?.redelivered ?? 0)} since the start`}
          {...{ samples, figure: 'redelivered_per_s' }}
        />
      ) : (
        <Tile
          name="Sessions"
          value={countText(stats.sessions)}
          text={`${countText(stats.streams ?? 0)} of them streams`}
          {...{ samples, figure: 'sessions' }}
        />
      )}
    </div>
  );
}
