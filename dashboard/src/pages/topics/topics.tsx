/** The topics, in pages that the server cuts, with their rates and what waits in each. */
import { useMemo, useState } from 'react';
import { Link } from 'wouter';
import { withQuery } from '../../api/ask.js';
import { bytesText, countText, rateText } from '../../api/texts.js';
import type { Topic, TopicPage } from '../../api/views.js';
import { Button } from '../../components/button.js';
import { Card, PageHead } from '../../components/card.js';
import { TextField } from '../../components/field.js';
import { Empty, Failure, Loading } from '../../components/notice.js';
import { Pager } from '../../components/pager.js';
import { type Column, Table } from '../../components/table.js';
import { TimeText } from '../../components/time-text.js';
import { useAnswer } from '../../hooks/use-answer.js';
import { useCaller } from '../../hooks/use-caller.js';
import { usePages, useUrlState } from '../../hooks/use-url-state.js';
import { NewTopic, TopicEnd } from './topic-dialogs.js';
import { useRates } from './use-rates.js';

const PAGE = 50;
/** Behind by more than so many messages is worth a look. */
const LAG = 1_000;
/** So many, or more: the node counts no further. */
const LETTERS_COUNTED = 1_000;

export default function Topics() {
  const [get, set] = useUrlState();
  const { may } = useCaller();
  const [open, setOpen] = useState<'none' | 'new' | Topic>('none');
  const pages = usePages(get, set);
  const prefix = get('prefix');
  const query = { prefix, after: pages.after, limit: PAGE, with: 'lag' };
  const target = withQuery('/api/topics', query);
  const { data, error, refetch, dataUpdatedAt } = useAnswer<TopicPage>(target);
  const rates = useRates(data?.topics ?? [], dataUpdatedAt);
  const canDelete = may('manage');
  const columns = useMemo(() => columnsOf(rates, canDelete ? setOpen : null), [rates, canDelete]);
  return (
    <>
      <PageHead
        title="Topics"
        text="Named, ordered streams of messages."
        actions={
          may('manage') ? (
            <Button look="main" icon="plus" onClick={() => setOpen('new')}>
              New topic
            </Button>
          ) : undefined
        }
      />
      <div className="mb-3 max-w-sm">
        <TextField
          label="Names that begin with"
          type="search"
          data-filter=""
          value={prefix}
          onChange={(event) => set({ prefix: event.target.value, pages: null })}
        />
      </div>
      <Card
        title={data === undefined ? 'Topics' : `${countText(data.topics.length)} on this page`}
        bleed="bleed"
      >
        {error !== null && data === undefined ? (
          <Failure error={error} retry={() => void refetch()} />
        ) : null}
        {data === undefined && error === null ? <Loading /> : null}
        {data?.topics.length === 0 ? (
          <NoTopics
            prefix={prefix}
            clear={() => set({ prefix: null, pages: null })}
            create={may('manage') ? () => setOpen('new') : null}
          />
        ) : null}
        {data !== undefined && data.topics.length > 0 ? (
          <Table label="Topics" columns={columns} rows={data.topics} keyOf={({ name }) => name} />
        ) : null}
        <Pager back={pages.back} next={pages.next(data?.next)}>{`Page ${pages.number}`}</Pager>
      </Card>
      {open === 'new' ? <NewTopic onClose={() => setOpen('none')} /> : null}
      {typeof open === 'object' ? <TopicEnd topic={open} onClose={() => setOpen('none')} /> : null}
    </>
  );
}

function columnsOf(
  rates: ReadonlyMap<string, number>,
  onDelete: ((topic: Topic) => void) | null,
): Column<Topic>[] {
  const all: Column<Topic>[] = [
    {
      name: 'Name',
      cell: ({ name }) => (
        <Link
          href={`/topics/${name}`}
          className="block min-w-32 font-medium break-all text-accent hover:underline"
        >
          {name}
        </Link>
      ),
    },
    {
      name: 'Per second',
      align: 'right',
      cell: ({ name }) => rateOrNone(rates.get(name)),
    },
    { name: 'Messages', align: 'right', cell: (topic) => countText(topic.message_count) },
    {
      name: 'Subscribers',
      align: 'right',
      wide: 'md',
      cell: (topic) => countText(topic.subscriber_count),
    },
    { name: 'Behind', align: 'right', cell: ({ lag }) => <Lag lag={lag ?? null} /> },
    {
      name: 'Dead letters',
      align: 'right',
      wide: 'md',
      cell: ({ name, dead_letters: count = 0 }) => <Letters topic={name} count={count} />,
    },
    { name: 'Size', align: 'right', wide: 'lg', cell: ({ bytes }) => bytesText(bytes) },
    {
      name: 'Owner',
      wide: 'lg',
      cell: ({ worker }) => (
        <span className="whitespace-nowrap">{worker === undefined ? '' : `worker ${worker}`}</span>
      ),
    },
    { name: 'Kept', wide: 'xl', cell: ({ retention }) => keptText(retention) },
    { name: 'Created', wide: 'xl', cell: (topic) => <TimeText time={topic.created_at} /> },
  ];
  if (onDelete === null) return all;
  const more: Column<Topic> = {
    name: 'Actions',
    head: <span className="sr-only">Actions</span>,
    align: 'right',
    wide: 'md',
    cell: (topic) => (
      <Button
        look="quiet"
        icon="trash"
        aria-label={`Delete ${topic.name}`}
        onClick={() => onDelete(topic)}
      />
    ),
  };
  return [...all, more];
}

/** Of the durable subscription that is furthest behind. */
function Lag({ lag }: { lag: number | null }) {
  if (lag === null) return <span className="text-soft">–</span>;
  return <span className={lag > LAG ? 'font-medium text-warn' : ''}>{countText(lag)}</span>;
}

function Letters({ topic, count }: { topic: string; count: number }) {
  if (count === 0) return '0';
  return (
    <Link
      href={`/dead-letters?topic=${topic}`}
      className="inline-flex min-h-6 items-center font-medium text-warn hover:underline"
    >
      {countText(count)}
      {count < LETTERS_COUNTED ? '' : ' or more'}
    </Link>
  );
}

/** A rate takes two looks. */
function rateOrNone(rate: number | undefined): string {
  return rate === undefined ? '–' : rateText(rate);
}

/** `7 d, 1,000 messages`, or for how long all topics keep theirs. */
export function keptText({ hours, messages, bytes }: Topic['retention']): string {
  const parts = [
    hours === null ? '' : `${countText(hours)} h`,
    messages === null ? '' : `${countText(messages)} messages`,
    bytes === null ? '' : bytesText(bytes),
  ].filter((part) => part !== '');
  return parts.length === 0 ? 'by default' : parts.join(', ');
}

interface NoTopicsProps {
  prefix: string;
  clear: () => void;
  create: (() => void) | null;
}

function NoTopics({ prefix, clear, create }: NoTopicsProps) {
  if (prefix !== '') {
    return (
      <Empty icon="search" title="No topics match">
        <p className="mb-3">None has a name that begins with “{prefix}”.</p>
        <Button onClick={clear}>Show all</Button>
      </Empty>
    );
  }
  return (
    <Empty icon="topics" title="No topics yet">
      <p className="mb-3">
        A topic is made here, by POST /api/topics, or by whoever subscribes first.
      </p>
      {create === null ? null : (
        <Button look="main" icon="plus" onClick={create}>
          New topic
        </Button>
      )}
    </Empty>
  );
}
