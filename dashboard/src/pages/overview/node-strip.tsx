/** The nodes at a glance. */
import { Link } from 'wouter';
import { ofMany } from '../../api/texts.js';
import { Card } from '../../components/card.js';
import { Status } from '../../components/status.js';
import { TimeText } from '../../components/time-text.js';
import { useLive } from '../../live/use-live.js';

export function NodeStrip() {
  const nodes = useLive().condition?.nodes;
  if (nodes === undefined) return null;
  return (
    <Card
      title="Nodes"
      className="mt-3"
      aside={
        <Link href="/nodes" className="text-accent underline">
          All about them
        </Link>
      }
    >
      <ul className="grid gap-3 sm:grid-cols-2 xl:grid-cols-4">
        {nodes.map((node) => (
          <li key={node.boot_id} className="rounded-md border border-line bg-page px-3 py-2.5">
            <div className="flex items-center justify-between gap-2">
              <span className="truncate font-medium">{node.id}</span>
              <Status tone={node.state === 'live' ? 'good' : 'bad'}>{node.state}</Status>
            </div>
            <p className="mt-1 text-xs text-soft">
              {ofMany(node.sessions, 'session')}, {ofMany(node.workers.length, 'worker')}, seen{' '}
              <TimeText time={node.last_seen} />
            </p>
          </li>
        ))}
      </ul>
    </Card>
  );
}
