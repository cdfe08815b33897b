/** Tenants, and what each may use. */
import { type FormEvent, useState } from 'react';
import { ask, withQuery } from '../../api/ask.js';
import { countText } from '../../api/texts.js';
import type { Tenant, TenantList } from '../../api/views.js';
import { Button } from '../../components/button.js';
import { Card } from '../../components/card.js';
import { Dialog } from '../../components/dialog.js';
import { TextField } from '../../components/field.js';
import { FormEnd } from '../../components/form-end.js';
import { Empty, Failure, Loading } from '../../components/notice.js';
import { Pager } from '../../components/pager.js';
import { type Column, Table } from '../../components/table.js';
import { TimeText } from '../../components/time-text.js';
import { useAnswer, useChange } from '../../hooks/use-answer.js';
import { usePages, useUrlState } from '../../hooks/use-url-state.js';

const PAGE = 50;

const QUOTAS = {
  messages_per_s: 'Messages a second',
  bytes_per_s: 'Bytes a second',
  deliveries_per_s: 'Deliveries a second',
  sessions: 'Sessions',
  subscriptions: 'Subscriptions',
  topics: 'Topics',
  stored_bytes: 'Bytes in the log',
} as const satisfies Record<keyof Tenant['quotas'], string>;

type QuotaName = keyof typeof QUOTAS;
const NAMES = Object.keys(QUOTAS) as QuotaName[];

type Open = 'none' | 'new' | Tenant;

export function Tenants() {
  const [get, set] = useUrlState();
  const pages = usePages(get, set);
  const [open, setOpen] = useState<Open>('none');
  const target = withQuery('/api/tenants', { after: pages.after, limit: PAGE });
  const { data, error, refetch } = useAnswer<TenantList>(target);
  const rows = data?.tenants ?? [];
  return (
    <>
      <div className="mb-3 flex justify-end">
        <Button look="main" icon="plus" onClick={() => setOpen('new')}>
          New tenant
        </Button>
      </div>
      <Card title={`${countText(rows.length)} on this page`} bleed="bleed">
        {error === null ? null : <Failure error={error} retry={() => void refetch()} />}
        {data === undefined && error === null ? <Loading /> : null}
        {data !== undefined && error === null && rows.length === 0 ? (
          <Empty icon="keys" title="No tenants but the first">
            Topics, keys and quotas of one are apart from those of all others.
          </Empty>
        ) : null}
        {rows.length === 0 ? null : (
          <Table
            label="Tenants"
            columns={columnsOf(setOpen)}
            rows={rows}
            keyOf={({ name }) => name}
          />
        )}
        <Pager back={pages.back} next={pages.next(data?.next)}>{`Page ${pages.number}`}</Pager>
      </Card>
      {open === 'new' ? <NewTenant onClose={() => setOpen('none')} /> : null}
      {typeof open === 'object' ? (
        <TenantQuotas tenant={open} onClose={() => setOpen('none')} />
      ) : null}
    </>
  );
}

function quotaText(quotas: Tenant['quotas']): string {
  const set = NAMES.filter((name) => quotas[name] !== null);
  if (set.length === 0) return 'unlimited';
  return set
    .map((name) => `${QUOTAS[name].toLowerCase()}: ${countText(quotas[name] ?? 0)}`)
    .join(', ');
}

function columnsOf(open: (tenant: Tenant) => void): readonly Column<Tenant>[] {
  return [
    { name: 'Name', cell: ({ name }) => <span className="font-medium break-all">{name}</span> },
    { name: 'Quotas', cell: ({ quotas }) => quotaText(quotas) },
    { name: 'Created', wide: 'md', cell: (tenant) => <TimeText time={tenant.created_at} /> },
    {
      name: 'Actions',
      head: <span className="sr-only">Actions</span>,
      align: 'right',
      cell: (tenant) => (
        <Button aria-label={`Change ${tenant.name}`} onClick={() => open(tenant)}>
          Change
        </Button>
      ),
    },
  ];
}

function NewTenant({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState('');
  const make = useChange((body: object) => ask<Tenant>('POST /api/tenants', { body }), onClose);
  return (
    <Dialog title="New tenant" onClose={onClose}>
      <form
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          make.mutate({ name });
        }}
      >
        <TextField
          label="Name"
          required
          hint="Letters, digits, _ and -."
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <FormEnd error={make.error} onClose={onClose}>
          <Button type="submit" look="main" disabled={make.isPending || name === ''}>
            Create
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}

function TenantQuotas({ tenant, onClose }: { tenant: Tenant; onClose: () => void }) {
  const [texts, setTexts] = useState<Record<string, string>>(
    Object.fromEntries(NAMES.map((name) => [name, String(tenant.quotas[name] ?? '')])),
  );
  const [isEnding, setEnding] = useState(false);
  const place = `/api/tenants/${tenant.name}`;
  const save = useChange(
    (quotas: object) => ask<Tenant>(`PATCH ${place}`, { body: { quotas } }),
    onClose,
  );
  const end = useChange(() => ask<void>(`DELETE ${place}`), onClose);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const quotas = NAMES.map((name) => [name, texts[name] === '' ? null : Number(texts[name])]);
    save.mutate(Object.fromEntries(quotas) as object);
  };
  const error = save.error ?? end.error;
  return (
    <Dialog title={`Tenant ${tenant.name}`} onClose={onClose}>
      <form className="space-y-4" onSubmit={submit}>
        <p className="text-soft">
          What is empty is unlimited. They hold on all nodes together, within a second.
        </p>
        <div className="grid gap-3 sm:grid-cols-2">
          {NAMES.map((name) => (
            <TextField
              key={name}
              label={QUOTAS[name]}
              inputMode="numeric"
              value={texts[name] ?? ''}
              onChange={(event) =>
                setTexts({ ...texts, [name]: event.target.value.replace(/\D/g, '') })
              }
            />
          ))}
        </div>
        {error === null ? null : <Failure error={error} />}
        <div className="flex flex-wrap justify-between gap-2">
          <Button
            look="danger"
            icon="trash"
            disabled={end.isPending}
            onClick={() => (isEnding ? end.mutate(undefined) : setEnding(true))}
          >
            {isEnding ? 'Yes, delete it with its keys' : 'Delete'}
          </Button>
          <Button type="submit" look="main" disabled={save.isPending}>
            Save
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
