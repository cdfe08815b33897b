/** Whether what is shown is of now, and what the node says of itself. */
import { distanceText } from '../api/texts.js';
import type { Health } from '../api/views.js';
import { Status } from '../components/status.js';
import { useAnswer } from '../hooks/use-answer.js';
import { useNow } from '../hooks/use-now.js';
import { useLive } from '../live/use-live.js';

/** As it comes with the figures; asked for where those do not come. */
export function useHealth(): Health | undefined {
  const { state, condition } = useLive();
  const isAsked = state === 'stale' || state === 'refused';
  const { data } = useAnswer<Health>('/api/health', { everyMs: 3_000, either: 'either', isAsked });
  return (isAsked ? data : undefined) ?? condition?.health;
}

export function Connection() {
  const { state, updatedAt } = useLive();
  const health = useHealth();
  const now = useNow();
  return (
    <div className="flex min-w-0 items-center gap-2">
      <span role="status" className="flex">
        {state === 'live' ? <Status tone="good">Live</Status> : null}
        {state === 'waiting' ? <Status tone="idle">Connecting</Status> : null}
        {state === 'stale' ? <Status tone="bad">Reconnecting</Status> : null}
        {state === 'refused' ? <Status tone="idle">Topics only</Status> : null}
      </span>
      {state === 'stale' && updatedAt > 0 ? (
        <span className="hidden text-xs text-soft sm:inline">
          as of {distanceText(now - updatedAt)}
        </span>
      ) : null}
      {health?.node === undefined ? null : (
        <span className="hidden truncate text-xs text-soft sm:inline" title="The node that answers">
          {health.node} · {health.version}
        </span>
      )}
      {health?.durability === 'memory' ? <Status tone="warn">In memory</Status> : null}
    </div>
  );
}
