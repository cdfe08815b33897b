/** Who is connected, with what, and how full their windows are. */
import { useMemo, useState } from 'react';
import { ask, withQuery } from '../../api/ask.js';
import { bytesText, countText } from '../../api/texts.js';
import type { Session, SessionPage } from '../../api/views.js';
import { Button } from '../../components/button.js';
import { Card, PageHead } from '../../components/card.js';
import { Dialog } from '../../components/dialog.js';
import { TextField } from '../../components/field.js';
import { Empty, Failure, Loading } from '../../components/notice.js';
import { Pager } from '../../components/pager.js';
import { type Column, Table } from '../../components/table.js';
import { TimeText } from '../../components/time-text.js';
import { useAnswer, useChange } from '../../hooks/use-answer.js';
import { useCaller } from '../../hooks/use-caller.js';
import { usePages, useUrlState } from '../../hooks/use-url-state.js';
import { shownText } from '../messages/message-columns.js';
import { HeatMap } from './heat-map.js';

const PAGE = 50;

export default function Sessions() {
  const [get, set] = useUrlState();
  const { may } = useCaller();
  const pages = usePages(get, set);
  const [ending, setEnding] = useState<Session | null>(null);
  const topic = get('topic');
  const target = withQuery('/api/sessions', { topic, after: pages.after, limit: PAGE });
  const { data, error, refetch, dataUpdatedAt } = useAnswer<SessionPage>(target);
  const rows = data?.sessions ?? [];
  const canEnd = may('operate') || may('manage');
  const columns = useMemo(() => columnsOf(canEnd ? setEnding : null), [canEnd]);
  return (
    <>
      <PageHead
        title="Sessions"
        text="WebSockets and streams that are open, and the node that each is at."
      />
      <div className="mb-3 max-w-sm">
        <TextField
          label="With a subscription to the topic"
          type="search"
          mono="mono"
          data-filter=""
          placeholder="any"
          value={topic}
          onChange={(event) => set({ topic: event.target.value, pages: null })}
        />
      </div>
      {rows.length === 0 ? null : <HeatMap sessions={rows} at={dataUpdatedAt} />}
      <Card title={`${countText(rows.length)} on this page`} bleed="bleed">
        {error === null ? null : <Failure error={error} retry={() => void refetch()} />}
        {(data?.unanswered ?? []).map(({ node, detail }) => (
          <p key={node} role="status" className="px-4 py-2 text-warn">
            The sessions of {node} are missing: {detail}.
          </p>
        ))}
        {data === undefined && error === null ? <Loading /> : null}
        {data !== undefined && error === null && rows.length === 0 ? (
          <Empty icon="sessions" title="Nobody is connected">
            Who opens a WebSocket at /ws, or a stream of events, shows up here.
          </Empty>
        ) : null}
        {rows.length === 0 ? null : (
          <Table label="Sessions" columns={columns} rows={rows} keyOf={({ id }) => id} />
        )}
        <Pager back={pages.back} next={pages.next(data?.next)}>{`Page ${pages.number}`}</Pager>
      </Card>
      {ending === null ? null : <EndSession session={ending} onClose={() => setEnding(null)} />}
    </>
  );
}

/** What it calls itself, else where it comes from. */
export function sessionName({ client, version, address, id }: Session): string {
  if (client !== null) return shownText(version === null ? client : `${client} ${version}`);
  return address === '' ? id.slice(0, 8) : address;
}

function Subscribed({ session }: { session: Session }) {
  const shown = session.subscriptions.slice(0, 3);
  return (
    <span className="block max-w-[32ch]">
      {shown.map(({ topic, subscription }) => (
        <span key={`${topic}/${subscription}`} className="block truncate">
          {topic}
          {subscription === null ? '' : <span className="text-soft"> as {subscription}</span>}
        </span>
      ))}
      {session.subscriptions.length > 3 ? (
        <span className="text-soft">and {session.subscriptions.length - 3} more</span>
      ) : null}
    </span>
  );
}

function columnsOf(onEnd: ((session: Session) => void) | null): readonly Column<Session>[] {
  const all: Column<Session>[] = [
    {
      name: 'Client',
      cell: (session) => (
        <span className="font-medium">
          <bdi>{sessionName(session)}</bdi>
          <span className="block text-xs font-normal text-soft">
            {session.format}, <TimeText time={session.connected_at} />
          </span>
        </span>
      ),
    },
    { name: 'Subscribed to', cell: (session) => <Subscribed session={session} /> },
    { name: 'In flight', align: 'right', cell: (session) => countText(session.in_flight) },
    { name: 'Behind', align: 'right', cell: ({ lag }) => countText(lag) },
    {
      name: 'Buffer',
      align: 'right',
      wide: 'md',
      cell: ({ buffer_bytes: bytes }) => (bytes === null ? '–' : bytesText(bytes)),
    },
    { name: 'Node', wide: 'md', cell: ({ node }) => node },
    { name: 'Address', wide: 'lg', cell: ({ address }) => address },
    { name: 'Tenant', wide: 'xl', cell: ({ tenant }) => tenant },
    {
      name: 'Key',
      wide: 'xl',
      cell: ({ key_id: id }) => <span className="font-mono text-xs">{id ?? '–'}</span>,
    },
  ];
  if (onEnd === null) return all;
  return [
    ...all,
    {
      name: 'Actions',
      head: <span className="sr-only">Actions</span>,
      align: 'right',
      cell: (session) => (
        <Button
          look="quiet"
          icon="stop"
          aria-label={`End the session of ${sessionName(session)}`}
          onClick={() => onEnd(session)}
        />
      ),
    },
  ];
}

function EndSession({ session, onClose }: { session: Session; onClose: () => void }) {
  const end = useChange(() => ask<void>(`DELETE /api/sessions/${session.id}`), onClose);
  return (
    <Dialog
      title="End a session"
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="danger" disabled={end.isPending} onClick={() => end.mutate(undefined)}>
            End it
          </Button>
        </>
      }
    >
      <p>
        <bdi className="font-medium">{sessionName(session)}</bdi> is disconnected. What it has not
        acknowledged goes to others, or comes again; a client that wants to may come back.
      </p>
      {end.error === null ? null : <Failure error={end.error} />}
    </Dialog>
  );
}
