/** Durable subscriptions: how far each is, and what can be done about it. */
import { useCallback, useMemo } from 'react';
import { Link } from 'wouter';
import { withQuery } from '../../api/ask.js';
import { countText, durationText } from '../../api/texts.js';
import type { Subscription, SubscriptionPage } from '../../api/views.js';
import { Card, PageHead } from '../../components/card.js';
import { TextField } from '../../components/field.js';
import { Empty, Failure, Loading } from '../../components/notice.js';
import { Pager } from '../../components/pager.js';
import { type Column, Table } from '../../components/table.js';
import { useAnswer } from '../../hooks/use-answer.js';
import { usePages, useUrlState } from '../../hooks/use-url-state.js';
import { SubscriptionState } from '../topics/topic-subscriptions.js';
import { SubscriptionDrawer } from './subscription-drawer.js';

const PAGE = 50;

export default function Subscriptions() {
  const [get, set] = useUrlState();
  const pages = usePages(get, set);
  const topic = get('topic');
  const query = { topic, after: pages.after, limit: PAGE };
  const { data, error, refetch } = useAnswer<SubscriptionPage>(
    withQuery('/api/subscriptions', query),
  );
  const [openTopic = '', openName = ''] = get('open').split('/');
  const open = useCallback(
    ({ topic: of, name }: Subscription) => set({ open: `${of}/${name}` }),
    [set],
  );
  const columns = useMemo(() => columnsOf(open), [open]);
  const rows = data?.subscriptions ?? [];
  return (
    <>
      <PageHead
        title="Subscriptions"
        text="Durable ones: they outlive sessions, nodes and restarts."
      />
      <div className="mb-3 max-w-sm">
        <TextField
          label="Topic"
          type="search"
          mono="mono"
          data-filter=""
          placeholder="all of them"
          value={topic}
          onChange={(event) => set({ topic: event.target.value, pages: null })}
        />
      </div>
      <Card title={`${countText(rows.length)} on this page`} bleed="bleed">
        {error === null ? null : <Failure error={error} retry={() => void refetch()} />}
        {data === undefined && error === null ? <Loading /> : null}
        {data !== undefined && error === null && rows.length === 0 ? (
          <Empty icon="subscriptions" title="No durable subscriptions">
            A subscription with a name keeps its place: add “subscription” to the subscribe frame.
          </Empty>
        ) : null}
        {rows.length === 0 ? null : (
          <Table
            label="Subscriptions"
            columns={columns}
            rows={rows}
            keyOf={(one) => `${one.topic}/${one.name}`}
            onOpen={open}
            isOpen={(one) => one.topic === openTopic && one.name === openName}
          />
        )}
        <Pager back={pages.back} next={pages.next(data?.next)}>{`Page ${pages.number}`}</Pager>
      </Card>
      {openName === '' ? null : (
        <SubscriptionDrawer
          key={`${openTopic}/${openName}`}
          topic={openTopic}
          name={openName}
          onClose={() => set({ open: null })}
        />
      )}
    </>
  );
}

function columnsOf(open: (one: Subscription) => void): readonly Column<Subscription>[] {
  return [
    {
      name: 'Name',
      cell: (one) => (
        <button
          type="button"
          className="min-h-6 text-left font-medium break-all text-accent hover:underline"
          onClick={(event) => {
            event.stopPropagation();
            open(one);
          }}
        >
          {one.name}
          <span className="block min-w-28 font-normal text-soft md:hidden">{one.topic}</span>
        </button>
      ),
    },
    {
      name: 'Topic',
      wide: 'md',
      cell: ({ topic }) => (
        <Link
          href={`/topics/${topic}`}
          className="break-all hover:underline"
          onClick={(event) => event.stopPropagation()}
        >
          {topic}
        </Link>
      ),
    },
    { name: 'State', cell: (one) => <SubscriptionState of={one} /> },
    { name: 'Behind', align: 'right', cell: ({ lag }) => countText(lag) },
    { name: 'In flight', align: 'right', wide: 'md', cell: (one) => countText(one.in_flight) },
    {
      name: 'Oldest unacked',
      align: 'right',
      wide: 'md',
      cell: ({ oldest_unacked_ms: ms }) => (ms === null ? '–' : durationText(ms)),
    },
    { name: 'Sessions', align: 'right', wide: 'lg', cell: ({ sessions }) => countText(sessions) },
  ];
}
