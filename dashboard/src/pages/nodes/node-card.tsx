/** One node: who it is, what its process and its threads use, and having it end in order. */
import type { ReactNode } from 'react';
import { bytesText, countText, durationText, ofMany } from '../../api/texts.js';
import type { ListedNode } from '../../api/views.js';
import { Button } from '../../components/button.js';
import { Card, Facts } from '../../components/card.js';
import { Status, type Tone } from '../../components/status.js';
import { type Column, Table } from '../../components/table.js';
import { TimeText } from '../../components/time-text.js';

/** An event loop that was late by more, or busy for more of its time, is worth a look. */
const LATE_MS = 100;
const BUSY = 0.9;

export function NodeCard({ node, onDrain }: { node: ListedNode; onDrain: () => void }) {
  const mayDrain = node.state === 'live' && !node.draining;
  return (
    <Card
      title={
        <span className="flex flex-wrap items-center gap-2">
          <span className="break-all">{node.id}</span>
          {node.this ? <span className="font-normal text-soft">answers this page</span> : null}
        </span>
      }
      aside={
        <span className="flex items-center gap-2">
          <NodeState node={node} />
          {mayDrain ? (
            <Button aria-label={`Drain ${node.id}`} onClick={onDrain}>
              Drain
            </Button>
          ) : null}
        </span>
      }
      bleed="bleed"
    >
      <div className="p-4">
        <Facts facts={factsOf(node)} />
      </div>
      <div className="border-t border-line">
        <Table
          label={`Threads of ${node.id}`}
          columns={COLUMNS}
          rows={threadsOf(node)}
          keyOf={({ name }) => name}
        />
      </div>
    </Card>
  );
}

/** While it drains, how many have yet to go. */
function NodeState({ node: { state, draining, sessions } }: { node: ListedNode }) {
  if (state === 'live' && draining) {
    return <Status tone="warn">draining, {ofMany(sessions, 'session')} left</Status>;
  }
  return <Status tone={state === 'live' ? 'good' : 'bad'}>{state}</Status>;
}

function factsOf(node: ListedNode): [string, ReactNode][] {
  const { cpu_cores: cores, resident_bytes: resident } = node;
  return [
    [
      'Address',
      <span key="a" className="font-mono text-xs break-all">
        {node.address}
      </span>,
    ],
    ['Version', node.version],
    ['Up for', durationText(Date.parse(node.last_seen) - Date.parse(node.started_at))],
    ['Seen', <TimeText key="s" time={node.last_seen} />],
    ['Sessions', countText(node.sessions)],
    ['Topics met', countText(node.topics)],
    ['CPU', cores === undefined ? 'told with INTERNAL_SECRET' : `${Math.round(cores * 100)} %`],
    ['Memory', resident === undefined ? '–' : bytesText(resident)],
    ['Log', <LogState key="l" workers={node.workers} />],
    ['Backplane', <Backplane key="b" state={node.backplane} />],
  ];
}

function LogState({ workers }: Pick<ListedNode, 'workers'>) {
  const known = workers.filter(({ log_open: isOpen }) => isOpen !== undefined);
  if (known.length === 0) return '–';
  const away = known.filter(({ log_open: isOpen }) => isOpen === false).length;
  if (away === 0) return <Status tone="good">open</Status>;
  return <Status tone="bad">{`not open to ${ofMany(away, 'worker')}`}</Status>;
}

const TONES: Readonly<Record<string, Tone>> = {
  ...{ up: 'good', forwarding: 'good', none: 'idle', connecting: 'warn', away: 'bad' },
};

/** Redis, or what stands in its place. */
function Backplane({ state }: { state: string }) {
  return <Status tone={TONES[state] ?? 'idle'}>{state}</Status>;
}

interface ThreadRow {
  name: string;
  topics?: number;
  busy?: number | undefined;
  late_ms?: number | undefined;
}

function threadsOf({ main, workers, acceptors = [] }: ListedNode): ThreadRow[] {
  return [
    ...workers.map((worker, n) => ({ name: `worker ${n}`, ...worker })),
    ...acceptors.map((acceptor, n) => ({ name: `acceptor ${n}`, ...acceptor })),
    ...(main === undefined ? [] : [{ name: 'main', ...main }]),
  ];
}

const COLUMNS: readonly Column<ThreadRow>[] = [
  { name: 'Thread', cell: ({ name }) => <span className="whitespace-nowrap">{name}</span> },
  {
    name: 'Topics',
    align: 'right',
    cell: ({ topics }) => (topics === undefined ? '' : countText(topics)),
  },
  {
    name: 'Busy',
    align: 'right',
    cell: ({ busy }) => (busy === undefined ? '–' : <Share busy={busy} />),
  },
  {
    name: 'Late',
    align: 'right',
    cell: ({ late_ms: ms }) => (
      <span className={(ms ?? 0) > LATE_MS ? 'font-medium text-warn' : ''}>
        {ms === undefined ? '–' : durationText(ms)}
      </span>
    ),
  },
];

function Share({ busy }: { busy: number }) {
  const percent = Math.round(busy * 100);
  return (
    <span className="inline-flex items-center gap-2 whitespace-nowrap">
      <svg className="hidden h-1.5 w-16 sm:inline-block" viewBox="0 0 64 6" aria-hidden="true">
        <rect width={64} height={6} rx={3} className="fill-line" />
        <rect
          width={Math.max(64 * Math.min(busy, 1), busy > 0 ? 2 : 0)}
          height={6}
          rx={3}
          className={busy > BUSY ? 'fill-warn' : 'fill-accent'}
        />
      </svg>
      <span className={`min-w-12 text-right ${busy > BUSY ? 'font-medium text-warn' : ''}`}>
        {percent} %
      </span>
    </span>
  );
}
