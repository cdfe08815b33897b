/**
 * What became of a message in each subscription, along one line of time: attempts that failed, the waits
 * between them, the next one with its countdown, and how it ended.
 */
import { clockText, distanceText, durationText } from '../../api/texts.js';
import type { Trace } from '../../api/views.js';
import { Empty } from '../../components/notice.js';
import { Status, type Tone } from '../../components/status.js';
import { useNow } from '../../hooks/use-now.js';
import { shownText } from './message-columns.js';

type Delivery = Trace['deliveries'][number];
type Failed = Trace['failures'][number];

interface Row {
  name: string;
  delivery: Delivery | null;
  failures: readonly Failed[];
}

const STATES: Readonly<Record<Delivery['state'], { tone: Tone; word: string }>> = {
  pending: { tone: 'idle', word: 'not sent yet' },
  in_flight: { tone: 'live', word: 'in flight' },
  waiting: { tone: 'warn', word: 'waits for a retry' },
  acked: { tone: 'good', word: 'acked' },
  dead_lettered: { tone: 'bad', word: 'dead letter' },
};

function rowsOf({ deliveries, failures }: Trace): Row[] {
  const names = new Set([
    ...deliveries.map(({ subscription }) => subscription),
    ...failures.map(({ subscription }) => subscription ?? ''),
  ]);
  return [...names].map((name) => ({
    name,
    delivery: deliveries.find(({ subscription }) => subscription === name) ?? null,
    failures: failures
      .filter(({ subscription }) => (subscription ?? '') === name)
      .sort((a, b) => Date.parse(a.at) - Date.parse(b.at)),
  }));
}

export function Waterfall({ trace }: { trace: Trace }) {
  const now = useNow();
  const rows = rowsOf(trace);
  if (rows.length === 0) {
    return (
      <div className="rounded-md border border-line">
        <Empty icon="subscriptions" title="Nobody has a durable name for this topic">
          Deliveries without a name leave no trace unless they fail.
        </Empty>
      </div>
    );
  }
  const from = Date.parse(trace.published_at);
  const isMoving = rows.some(
    ({ delivery }) =>
      delivery !== null && delivery.state !== 'acked' && delivery.state !== 'dead_lettered',
  );
  const ends = rows.flatMap(({ delivery, failures }) => [
    ...failures.map(({ at }) => Date.parse(at)),
    ...(delivery?.next_attempt_at === undefined ? [] : [Date.parse(delivery.next_attempt_at)]),
  ]);
  const to = Math.max(from + 1_000, ...ends, isMoving ? now : 0);
  const scale: Scale = { from, to };
  return (
    <div className="rounded-md border border-line">
      <div className="flex justify-between border-b border-line px-3 py-1.5 text-xs text-soft">
        <span>published {clockText(from)}</span>
        <span>{durationText(to - from)} later</span>
      </div>
      <ul className="divide-y divide-line">
        {rows.map((row) => (
          <WaterfallRow key={row.name} {...{ row, scale, now }} />
        ))}
      </ul>
    </div>
  );
}

interface Scale {
  from: number;
  to: number;
}

/** Of the line, from 0 to 100. */
function placeOf({ from, to }: Scale, at: number): number {
  return Math.min(100, Math.max(0, ((at - from) / (to - from)) * 100));
}

function WaterfallRow({ row, scale, now }: { row: Row; scale: Scale; now: number }) {
  const { name, delivery, failures } = row;
  const state = delivery === null ? null : STATES[delivery.state];
  return (
    <li className="px-3 py-2.5">
      <div className="mb-2 flex flex-wrap items-center justify-between gap-2">
        <span className="font-medium break-all">{name === '' ? 'without a name' : name}</span>
        {state === null ? (
          <Status tone="idle">its session has ended</Status>
        ) : (
          <Status tone={state.tone}>
            {state.word}
            {delivery?.attempt === undefined ? '' : `, attempt ${delivery.attempt}`}
          </Status>
        )}
      </div>
      <Line {...{ row, scale, now }} />
      <p className="mt-1.5 text-xs text-soft">{wordsOf(row, now)}</p>
      {failures.length === 0 ? null : (
        <ol className="mt-1.5 space-y-1 text-xs">
          {failures.map(({ attempt, at, outcome, reason }) => (
            <li key={`${attempt} ${at}`} className="flex flex-wrap gap-x-2">
              <span className="text-bad">attempt {attempt} failed</span>
              <span className="text-soft" title={at}>
                after {durationText(Date.parse(at) - scale.from)}
              </span>
              <span>{outcome}</span>
              <bdi className="break-all">{shownText(reason ?? '')}</bdi>
            </li>
          ))}
        </ol>
      )}
    </li>
  );
}

function Line({
  row: { delivery, failures },
  scale,
  now,
}: {
  row: Row;
  scale: Scale;
  now: number;
}) {
  const stops = failures.map(({ at }) => Date.parse(at));
  const next = delivery?.next_attempt_at;
  const end =
    next === undefined ? (delivery?.state === 'in_flight' ? now : undefined) : Date.parse(next);
  const points = [scale.from, ...stops, ...(end === undefined ? [] : [end])];
  return (
    <div className="relative h-4 rounded bg-raised" aria-hidden="true">
      {points.slice(0, -1).map((from, n) => {
        const to = points[n + 1] ?? from;
        const isWait = n > 0;
        return (
          <span
            key={from}
            className={`absolute inset-y-1 rounded-sm ${isWait ? 'hatched' : 'bg-accent/70'}`}
            style={{
              left: `${placeOf(scale, from)}%`,
              width: `max(2px, ${placeOf(scale, to) - placeOf(scale, from)}%)`,
            }}
          />
        );
      })}
      {stops.map((at) => (
        <span
          key={at}
          className="absolute inset-y-0 w-1 -translate-x-1/2 rounded-full bg-bad"
          style={{ left: `${placeOf(scale, at)}%` }}
        />
      ))}
      {next === undefined ? null : (
        <span
          className="absolute inset-y-0 w-1 -translate-x-full rounded-full bg-warn"
          style={{ left: `${placeOf(scale, Date.parse(next))}%` }}
        />
      )}
    </div>
  );
}

function wordsOf({ delivery }: Row, now: number): string {
  if (delivery === null) return '';
  const { state, next_attempt_at: next, reason } = delivery;
  if (next !== undefined) return `next attempt ${distanceText(now - Date.parse(next))}`;
  if (state === 'dead_lettered') return `given up: ${reason ?? 'no reason was told'}`;
  if (state === 'in_flight') return 'sent, and not acknowledged yet';
  if (state === 'pending') return 'waits behind others, or for somebody to subscribe';
  if (state === 'waiting') return 'comes again to whoever subscribes next';
  return 'settled';
}
