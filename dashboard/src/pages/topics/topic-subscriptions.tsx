/** Who has a durable name for this topic, and how far each is. */
import { countText, durationText } from '../../api/texts.js';
import type { Subscription, SubscriptionPage } from '../../api/views.js';
import { Card } from '../../components/card.js';
import { Empty, Failure, Loading } from '../../components/notice.js';
import { Status } from '../../components/status.js';
import { type Column, Table } from '../../components/table.js';
import { useAnswer } from '../../hooks/use-answer.js';

export function SubscriptionState({ of }: { of: Subscription }) {
  if (of.paused) return <Status tone="warn">paused</Status>;
  if (of.sessions === 0) return <Status tone={of.lag > 0 ? 'warn' : 'idle'}>nobody</Status>;
  return <Status tone="good">open</Status>;
}

const COLUMNS: readonly Column<Subscription>[] = [
  { name: 'Name', cell: ({ name }) => <span className="font-medium break-all">{name}</span> },
  { name: 'State', cell: (one) => <SubscriptionState of={one} /> },
  { name: 'Behind', align: 'right', cell: ({ lag }) => countText(lag) },
  { name: 'In flight', align: 'right', cell: (one) => countText(one.in_flight) },
  {
    name: 'Oldest unacked',
    align: 'right',
    wide: 'md',
    cell: ({ oldest_unacked_ms: ms }) => (ms === null ? '–' : durationText(ms)),
  },
  { name: 'Sessions', align: 'right', wide: 'md', cell: ({ sessions }) => countText(sessions) },
  { name: 'Settled to', align: 'right', wide: 'lg', cell: (one) => countText(one.ack_floor) },
];

export function TopicSubscriptions({ topic }: { topic: string }) {
  const { data, error } = useAnswer<SubscriptionPage>(
    `/api/subscriptions?topic=${topic}&limit=100`,
  );
  return (
    <Card title="Durable subscriptions" bleed="bleed">
      {data === undefined && error === null ? <Loading /> : null}
      {error === null ? null : <Failure error={error} />}
      {data?.subscriptions.length === 0 ? (
        <Empty icon="subscriptions" title="No durable subscriptions">
          A subscription with a name keeps its place over restarts: add "subscription" to the
          subscribe frame.
        </Empty>
      ) : null}
      {data !== undefined && data.subscriptions.length > 0 ? (
        <Table
          label="Durable subscriptions"
          columns={COLUMNS}
          rows={data.subscriptions}
          keyOf={({ name }) => name}
        />
      ) : null}
    </Card>
  );
}
