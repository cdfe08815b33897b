/** What whoever looks at a node is sent, as text of server-sent events. */
import type { FigureHistory, FigurePoint } from '../../core/figure-history.js';
import type { Happening } from '../../core/happening.js';
import type { SubscriptionSummary } from '../../core/subscription-record.js';
import { isoTime } from '../../core/time.js';
import type { View } from '../schemas/kinds.js';
import type {
  CONCERN,
  WATCH_CONDITION,
  WATCH_FAILED,
  WATCH_FIGURES,
  WATCH_HAPPENED,
  WATCH_HELLO,
  WATCH_HISTORY,
} from '../schemas/watch.js';
import { snakeMembers } from '../snake-case.js';
import type { StatsView } from './stats-view.js';
import { subscriptionView } from './subscription-view.js';

/** Behind by more than so many messages is worth a look. */
const LAG = 1_000;
const OLD_MS = 60_000;

export type ConditionView = View<typeof WATCH_CONDITION>;
export type ConcernView = View<typeof CONCERN>;

export function helloEvent(hello: View<typeof WATCH_HELLO>): string {
  return event('hello', hello);
}

export function historyEvent(of: Pick<FigureHistory, 'columns' | 'read'>): string {
  const points = of.read();
  const columns = of.columns.map((name) => [name, points.map((point) => point[name])]);
  const history = snakeMembers(Object.fromEntries(columns));
  return event('history', history as View<typeof WATCH_HISTORY>);
}

export function figuresEvent(point: FigurePoint, stats: StatsView): string {
  const figures: View<typeof WATCH_FIGURES> = { point: snakeMembers(point), stats };
  return event('figures', figures);
}

export function conditionEvent(condition: ConditionView): string {
  return event('condition', condition);
}

export function failedEvent(failed: View<typeof WATCH_FAILED>): string {
  return event('failed', failed);
}

export function happenedEvent({ kind, atMs, topic, name, count }: Happening): string {
  const happened: View<typeof WATCH_HAPPENED> = {
    ...{ kind, at: isoTime(atMs) },
    ...(topic === null ? {} : { topic }),
    ...(name === null ? {} : { name }),
    count,
  };
  return event('happened', happened);
}

function event(name: string, data: object): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** Those of them that need somebody. */
export function concernsOf(all: readonly SubscriptionSummary[]): ConcernView[] {
  return all.flatMap((summary) => {
    const why = whyOf(summary);
    const { topic, name, lag, oldest_unacked_ms } = subscriptionView(summary);
    return why === null ? [] : [{ topic, name, why, lag, oldest_unacked_ms }];
  });
}

function whyOf(summary: SubscriptionSummary): ConcernView['why'] | null {
  const { head, ackFloor, paused, sessions, oldestUnackedMs } = summary;
  const lag = head - ackFloor;
  if (paused) return 'paused';
  if (sessions === 0 && lag > 0) return 'nobody';
  if (lag > LAG) return 'behind';
  return (oldestUnackedMs ?? 0) > OLD_MS ? 'slow' : null;
}
