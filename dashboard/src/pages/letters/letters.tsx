/** What was given up, why, and giving it back: one, those that are chosen, or all that match. */
import { useState } from 'react';
import { withQuery } from '../../api/ask.js';
import { countText } from '../../api/texts.js';
import type { Letter, LetterPage } from '../../api/views.js';
import { Button } from '../../components/button.js';
import { Card, PageHead } from '../../components/card.js';
import { TextField } from '../../components/field.js';
import { Empty, Failure, Loading } from '../../components/notice.js';
import { Pager } from '../../components/pager.js';
import { type Column, Table } from '../../components/table.js';
import { TimeText } from '../../components/time-text.js';
import { useAnswer } from '../../hooks/use-answer.js';
import { useCaller } from '../../hooks/use-caller.js';
import { type SetUrlState, usePages, useUrlState } from '../../hooks/use-url-state.js';
import { PayloadLine, shownText } from '../messages/message-columns.js';
import { BulkSheet, type BulkWhat } from './bulk-sheet.js';
import { LetterDrawer } from './letter-drawer.js';
import { LetterGroups } from './letter-groups.js';
import { RetryPolicy } from './retry-policy.js';

const PAGE = 50;

export default function Letters() {
  const [get, set] = useUrlState();
  const { may } = useCaller();
  const pages = usePages(get, set);
  const [chosen, setChosen] = useState<ReadonlySet<number>>(new Set());
  const [bulk, setBulk] = useState<{ what: BulkWhat; names: object } | null>(null);
  const [topic, subscription] = [get('topic'), get('subscription')];
  const target = withQuery('/api/dead-letters', {
    ...{ topic, subscription, after: pages.after, limit: PAGE },
  });
  const { data, error, refetch } = useAnswer<LetterPage>(target);
  const rows = data?.dead_letters ?? [];
  const toggle = (id: number): void => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    setChosen(next);
  };
  const names = chosen.size > 0 ? { ids: [...chosen] } : namesOf(topic, subscription);
  return (
    <>
      <PageHead
        title="Dead letters"
        text="Messages that were given up after their attempts, or rejected. They wait here."
        actions={
          may('manage') && rows.length > 0 ? (
            <Actions
              {...{ topic, subscription, count: chosen.size }}
              ask={(what) => setBulk({ what, names })}
            />
          ) : undefined
        }
      />
      <Filters {...{ topic, subscription, set }} />
      <LetterGroups
        {...{ topic, subscription }}
        choose={(names) => set({ ...names, pages: null })}
      />
      <Card
        title={chosen.size > 0 ? `${countText(chosen.size)} chosen` : 'The oldest first'}
        aside={
          rows.length === 0 ? undefined : (
            <a
              className="text-accent underline"
              href={withQuery('/api/dead-letters', { topic, subscription })}
              target="_blank"
              rel="noreferrer"
            >
              As JSON
            </a>
          )
        }
        bleed="bleed"
      >
        {error === null ? null : <Failure error={error} retry={() => void refetch()} />}
        {data === undefined && error === null ? <Loading /> : null}
        {data !== undefined && error === null && rows.length === 0 ? (
          <Empty icon="check" title="No dead letters">
            <p className="mb-4">Nothing that matches was given up.</p>
            <RetryPolicy />
          </Empty>
        ) : null}
        {rows.length === 0 ? null : (
          <Table
            label="Dead letters"
            columns={columnsOf({ chosen, toggle, open: (id) => set({ open: String(id) }) })}
            rows={rows}
            keyOf={({ id }) => String(id)}
            onOpen={({ id }) => set({ open: String(id) })}
            isOpen={({ id }) => String(id) === get('open')}
          />
        )}
        <Pager back={pages.back} next={pages.next(data?.next)}>{`Page ${pages.number}`}</Pager>
      </Card>
      {get('open') === '' ? null : (
        <LetterDrawer key={get('open')} id={get('open')} onClose={() => set({ open: null })} />
      )}
      {bulk === null ? null : (
        <BulkSheet
          {...bulk}
          onClose={() => {
            setBulk(null);
            setChosen(new Set());
          }}
        />
      )}
    </>
  );
}

interface FiltersProps {
  topic: string;
  subscription: string;
  set: SetUrlState;
}

function Filters({ topic, subscription, set }: FiltersProps) {
  return (
    <div className="mb-3 grid max-w-2xl gap-3 sm:grid-cols-2">
      <TextField
        label="Topic"
        type="search"
        mono="mono"
        data-filter=""
        value={topic}
        onChange={(event) => set({ topic: event.target.value, pages: null })}
      />
      <TextField
        label="Subscription"
        type="search"
        mono="mono"
        value={subscription}
        onChange={(event) => set({ subscription: event.target.value, pages: null })}
      />
    </div>
  );
}

function namesOf(topic: string, subscription: string): object {
  return { topic, ...(subscription === '' ? {} : { subscription }) };
}

interface ActionsProps {
  topic: string;
  subscription: string;
  count: number;
  ask: (what: BulkWhat) => void;
}

/** Of those that are chosen, else of all that match; a topic has to be named for those. */
function Actions({ topic, subscription, count, ask }: ActionsProps) {
  const isChosen = count > 0;
  const which = isChosen ? `${countText(count)} chosen` : 'all that match';
  return (
    <>
      <Button
        icon="retry"
        disabled={!isChosen && (topic === '' || subscription === '')}
        title={isChosen ? undefined : 'Name a topic and a subscription, or choose some'}
        onClick={() => ask('redrive')}
      >
        Give back {which}
      </Button>
      <Button
        look="danger"
        icon="trash"
        disabled={!isChosen && topic === ''}
        title={isChosen ? undefined : 'Name a topic, or choose some'}
        onClick={() => ask('purge')}
      >
        Delete {which}
      </Button>
    </>
  );
}

interface RowActions {
  chosen: ReadonlySet<number>;
  toggle: (id: number) => void;
  open: (id: number) => void;
}

function columnsOf({ chosen, toggle, open }: RowActions): readonly Column<Letter>[] {
  return [
    {
      name: 'Choose',
      head: <span className="sr-only">Choose</span>,
      cell: ({ id }) => (
        <input
          type="checkbox"
          className="size-5 align-middle accent-accent"
          aria-label={`Choose dead letter ${id}`}
          checked={chosen.has(id)}
          onClick={(event) => event.stopPropagation()}
          onChange={() => toggle(id)}
        />
      ),
    },
    {
      name: 'Topic',
      cell: ({ id, topic, sequence }) => (
        <button
          type="button"
          className="min-h-6 text-left break-all text-accent hover:underline"
          onClick={(event) => {
            event.stopPropagation();
            open(id);
          }}
        >
          {topic} <span className="text-soft">{countText(sequence)}</span>
        </button>
      ),
    },
    { name: 'Subscription', wide: 'md', cell: (letter) => letter.subscription ?? 'without a name' },
    {
      name: 'Why',
      cell: ({ reason, last_error: said }) => (
        <bdi className="block max-w-[28ch] truncate">{shownText(said ?? reason)}</bdi>
      ),
    },
    { name: 'Attempts', align: 'right', wide: 'md', cell: ({ attempts }) => countText(attempts) },
    {
      name: 'Last failed',
      wide: 'lg',
      cell: (letter) => <TimeText time={letter.last_failed_at} />,
    },
    { name: 'Payload', wide: 'xl', cell: ({ payload }) => <PayloadLine payload={payload} /> },
  ];
}
