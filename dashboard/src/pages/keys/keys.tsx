/** Tenants with their quotas, and API keys. A key is shown once, when it is made. */
import { useState } from 'react';
import { withQuery } from '../../api/ask.js';
import { countText } from '../../api/texts.js';
import type { ApiKey, KeyList, ShownKey } from '../../api/views.js';
import { Button } from '../../components/button.js';
import { Card, PageHead } from '../../components/card.js';
import { CodeBlock } from '../../components/copy-button.js';
import { TextField } from '../../components/field.js';
import { Banner, Empty, Failure, Loading } from '../../components/notice.js';
import { Pager } from '../../components/pager.js';
import { Status } from '../../components/status.js';
import { type Column, Table } from '../../components/table.js';
import { Tabs } from '../../components/tabs.js';
import { TimeText } from '../../components/time-text.js';
import { useAnswer } from '../../hooks/use-answer.js';
import { useCaller } from '../../hooks/use-caller.js';
import { usePages, useUrlState } from '../../hooks/use-url-state.js';
import { KeyShown, NewKey, RevokeKey, RotateKey } from './key-dialogs.js';
import { Tenants } from './tenants.js';

const PAGE = 50;

export default function Keys() {
  const [get, set] = useUrlState();
  const { caller, may } = useCaller();
  if (caller?.auth === 'off') return <AuthOff />;
  const keys = <KeyCard />;
  return (
    <>
      <PageHead title="Tenants & keys" text="Who may do what, and how much of it." />
      {may('operate') ? (
        <Tabs
          label="Tenants and keys"
          chosen={get('tab') || 'keys'}
          onChoose={(tab) => set({ tab, pages: null })}
          tabs={[
            { id: 'keys', label: 'API keys', content: keys },
            { id: 'tenants', label: 'Tenants', content: <Tenants /> },
          ]}
        />
      ) : (
        keys
      )}
    </>
  );
}

function AuthOff() {
  return (
    <>
      <PageHead title="Tenants & keys" text="Who may do what, and how much of it." />
      <Banner tone="warn">
        <p className="mb-2">
          This node asks nobody for a key: whoever reaches it may do everything.
        </p>
        <CodeBlock
          label="With keys, and one for you"
          text={'ENABLE_AUTH=true ADMIN_API_KEY="$(openssl rand -hex 24)" npm start'}
        />
      </Banner>
    </>
  );
}

type Open = 'none' | 'new' | { shown: ShownKey } | { revoke: ApiKey } | { rotate: ApiKey };

function KeyCard() {
  const [get, set] = useUrlState();
  const { may } = useCaller();
  const pages = usePages(get, set);
  const [open, setOpen] = useState<Open>('none');
  const tenant = get('tenant');
  const target = withQuery('/api/keys', { tenant, after: pages.after, limit: PAGE });
  const { data, error, refetch } = useAnswer<KeyList>(target);
  const rows = data?.keys ?? [];
  const close = (): void => setOpen('none');
  const show = (shown: ShownKey): void => setOpen({ shown });
  return (
    <>
      <div className="mb-3 flex flex-wrap items-end justify-between gap-3">
        <div className="w-full max-w-sm">
          {may('operate') ? (
            <TextField
              label="Of the tenant"
              type="search"
              data-filter=""
              placeholder="all of them"
              value={tenant}
              onChange={(event) => set({ tenant: event.target.value, pages: null })}
            />
          ) : null}
        </div>
        <Button look="main" icon="plus" onClick={() => setOpen('new')}>
          New key
        </Button>
      </div>
      <Card title={`${countText(rows.length)} on this page`} bleed="bleed">
        {error === null ? null : <Failure error={error} retry={() => void refetch()} />}
        {data === undefined && error === null ? <Loading /> : null}
        {data !== undefined && error === null && rows.length === 0 ? (
          <Empty icon="keys" title="No keys that were made here">
            Keys of the configuration (ADMIN_API_KEY, DEFAULT_API_KEY) are not in this list.
          </Empty>
        ) : null}
        {rows.length === 0 ? null : (
          <Table label="API keys" columns={columnsOf(setOpen)} rows={rows} keyOf={({ id }) => id} />
        )}
        <Pager back={pages.back} next={pages.next(data?.next)}>{`Page ${pages.number}`}</Pager>
      </Card>
      {open === 'new' ? <NewKey onClose={close} onMade={show} tenant={tenant} /> : null}
      {typeof open === 'object' && 'shown' in open ? (
        <KeyShown shown={open.shown} onClose={close} />
      ) : null}
      {typeof open === 'object' && 'revoke' in open ? (
        <RevokeKey of={open.revoke} onClose={close} />
      ) : null}
      {typeof open === 'object' && 'rotate' in open ? (
        <RotateKey of={open.rotate} onClose={close} onMade={show} />
      ) : null}
    </>
  );
}

function columnsOf(open: (what: Open) => void): readonly Column<ApiKey>[] {
  return [
    { name: 'Id', cell: ({ id }) => <span className="font-mono text-xs">{id}</span> },
    { name: 'Tenant', wide: 'md', cell: ({ tenant }) => tenant },
    {
      name: 'Good for',
      cell: ({ scopes }) => (
        <span className="flex flex-wrap gap-1">
          {scopes.map((scope) => (
            <Status key={scope} tone={scope === 'operate' ? 'warn' : 'live'}>
              {scope}
            </Status>
          ))}
        </span>
      ),
    },
    {
      name: 'Topics',
      wide: 'lg',
      cell: ({ topics }) => (
        <span className="break-all">{topics === null ? 'all' : topics.join(', ')}</span>
      ),
    },
    { name: 'Last used', wide: 'md', cell: (key) => <TimeText time={key.last_used_at} /> },
    {
      name: 'Ends',
      wide: 'xl',
      cell: ({ expires_at: end }) => (end === null ? 'never' : <TimeText time={end} />),
    },
    {
      name: 'Actions',
      head: <span className="sr-only">Actions</span>,
      align: 'right',
      cell: (key) => (
        <span className="flex justify-end gap-1">
          <Button
            look="quiet"
            icon="retry"
            aria-label={`Rotate ${key.id}`}
            onClick={() => open({ rotate: key })}
          />
          <Button
            look="quiet"
            icon="trash"
            aria-label={`Revoke ${key.id}`}
            onClick={() => open({ revoke: key })}
          />
        </span>
      ),
    },
  ];
}
