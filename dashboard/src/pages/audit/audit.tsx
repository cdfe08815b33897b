/** Who did what to which key, topic and so on, the newest first. */
import { withQuery } from '../../api/ask.js';
import { countText } from '../../api/texts.js';
import type { AuditEntry, AuditPage } from '../../api/views.js';
import { Card, PageHead } from '../../components/card.js';
import { TextField } from '../../components/field.js';
import { Banner, Empty, Failure, Loading } from '../../components/notice.js';
import { Pager } from '../../components/pager.js';
import { Status } from '../../components/status.js';
import { type Column, Table } from '../../components/table.js';
import { TimeText } from '../../components/time-text.js';
import { useAnswer } from '../../hooks/use-answer.js';
import { useCaller } from '../../hooks/use-caller.js';
import { usePages, useUrlState } from '../../hooks/use-url-state.js';
import { shownText } from '../messages/message-columns.js';

const PAGE = 50;

const COLUMNS: readonly Column<AuditEntry>[] = [
  { name: 'When', cell: ({ at }) => <TimeText time={at} /> },
  { name: 'What', cell: ({ action }) => <span className="font-medium">{action}</span> },
  {
    name: 'To what',
    cell: ({ object }) => <bdi className="block max-w-[32ch] truncate">{shownText(object)}</bdi>,
  },
  {
    name: 'Outcome',
    cell: ({ outcome, times }) => (
      <>
        <Status tone={outcome === 'ok' ? 'good' : 'bad'}>{outcome}</Status>
        {times > 1 ? <span className="ml-2 text-soft">{countText(times)} times</span> : null}
      </>
    ),
  },
  {
    name: 'Who',
    wide: 'md',
    cell: ({ actor }) => (
      <bdi className="font-mono text-xs break-all">
        {actor === '' ? 'nobody knows' : shownText(actor)}
      </bdi>
    ),
  },
  { name: 'From', wide: 'lg', cell: ({ address }) => address },
  { name: 'Tenant', wide: 'lg', cell: ({ tenant }) => tenant },
  {
    name: 'Request',
    wide: 'xl',
    cell: ({ request_id: id }) => <span className="font-mono text-xs text-soft">{id}</span>,
  },
];

export default function Audit() {
  const [get, set] = useUrlState();
  const { caller, may } = useCaller();
  const pages = usePages(get, set);
  const tenant = get('tenant');
  const query = { tenant, after: pages.after, order: 'desc', limit: PAGE };
  const { data, error, refetch } = useAnswer<AuditPage>(withQuery('/api/audit', query), {
    isAsked: caller?.auth === 'on',
  });
  const rows = data?.entries ?? [];
  return (
    <>
      <PageHead
        title="Audit"
        text="What was done to tenants, keys, topics and subscriptions, and what was refused."
      />
      {caller?.auth === 'off' ? (
        <Banner tone="info">
          Where nobody is asked for a key, nobody is known: there is no audit log (ENABLE_AUTH).
        </Banner>
      ) : (
        <>
          {may('operate') ? (
            <div className="mb-3 max-w-sm">
              <TextField
                label="Of the tenant"
                type="search"
                data-filter=""
                placeholder="all of them"
                value={tenant}
                onChange={(event) => set({ tenant: event.target.value, pages: null })}
              />
            </div>
          ) : null}
          <Card title="The newest first" bleed="bleed">
            {error === null ? null : <Failure error={error} retry={() => void refetch()} />}
            {data === undefined && error === null ? <Loading /> : null}
            {data !== undefined && error === null && rows.length === 0 ? (
              <Empty icon="audit" title="Nothing yet">
                What is done from now on shows up here.
              </Empty>
            ) : null}
            {rows.length === 0 ? null : (
              <Table
                label="Audit log"
                columns={COLUMNS}
                rows={rows}
                keyOf={({ id }) => String(id)}
              />
            )}
            <Pager back={pages.back} next={pages.next(data?.next)}>{`Page ${pages.number}`}</Pager>
          </Card>
        </>
      )}
    </>
  );
}
