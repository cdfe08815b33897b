/**
 * How full the windows of sessions were, over the last minutes: a row for each, the newest on the right.
 * Who is slow is the hot line. A square says by its height, too, how full it was.
 */
import { useEffect, useState } from 'react';
import { clockText } from '../../api/texts.js';
import type { Session } from '../../api/views.js';
import { Card } from '../../components/card.js';
import { sessionName } from './sessions.js';

const COLUMNS = 60;
const ROWS_MAX = 20;
const CELL = 10;
/** What counts as full where there is no window: as many as a window has by default. */
const WINDOW = 256;

interface Column {
  at: number;
  /** By session. */
  fills: ReadonlyMap<string, number>;
}

/** From 0 to 1. */
export function fillOf({ subscriptions, in_flight: all }: Session): number {
  const fills = subscriptions.map(({ in_flight: flight, max_in_flight: max }) =>
    flight === null ? 0 : flight / (max ?? WINDOW),
  );
  return Math.min(1, Math.max(0, ...fills, subscriptions.length === 0 ? all / WINDOW : 0));
}

function colourOf(fill: number): string {
  if (fill >= 0.9) return 'fill-bad';
  if (fill >= 0.5) return 'fill-warn';
  return 'fill-accent';
}

export function HeatMap({ sessions, at }: { sessions: readonly Session[]; at: number }) {
  const [columns, setColumns] = useState<readonly Column[]>([]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a column for each answer
  useEffect(() => {
    const fills = new Map(sessions.map((session) => [session.id, fillOf(session)]));
    setColumns((all) => [...all.slice(1 - COLUMNS), { at, fills }]);
  }, [at]);
  const rows = [...sessions].sort((a, b) => fillOf(b) - fillOf(a)).slice(0, ROWS_MAX);
  const fullest = rows[0];
  const first = columns[0];
  return (
    <Card
      title="How full their windows are"
      className="mb-3"
      aside={first === undefined ? '' : `since ${clockText(first.at)}`}
    >
      <p className="sr-only">
        {fullest === undefined
          ? ''
          : `The fullest is ${sessionName(fullest)}, at ${Math.round(fillOf(fullest) * 100)} percent.`}
      </p>
      <div className="grid grid-cols-[6rem_minmax(0,1fr)_2.75rem] sm:grid-cols-[14rem_minmax(0,1fr)_3rem] items-center gap-x-3 gap-y-1">
        {rows.map((session) => (
          <HeatRow key={session.id} session={session} columns={columns} />
        ))}
      </div>
      <p className="mt-3 flex flex-wrap gap-4 text-xs text-soft">
        <Key colour="bg-accent" text="has room" />
        <Key colour="bg-warn" text="half full" />
        <Key colour="bg-bad" text="full: it is given nothing more until it acknowledges" />
      </p>
    </Card>
  );
}

function Key({ colour, text }: { colour: string; text: string }) {
  return (
    <span className="inline-flex items-center gap-1.5">
      <span className={`size-2.5 rounded-sm ${colour}`} />
      {text}
    </span>
  );
}

function HeatRow({ session, columns }: { session: Session; columns: readonly Column[] }) {
  const now = fillOf(session);
  return (
    <>
      <bdi className="truncate text-xs">{sessionName(session)}</bdi>
      <svg
        viewBox={`0 0 ${COLUMNS * CELL} ${CELL}`}
        preserveAspectRatio="none"
        className="h-4 w-full rounded bg-raised"
        aria-hidden="true"
      >
        {columns.map(({ at, fills }, n) => {
          const fill = fills.get(session.id);
          if (fill === undefined || fill === 0) return null;
          const height = Math.max(1, fill * CELL);
          return (
            <rect
              key={at}
              x={(COLUMNS - columns.length + n) * CELL}
              y={CELL - height}
              width={CELL - 1}
              height={height}
              className={colourOf(fill)}
            />
          );
        })}
      </svg>
      <span className="text-right text-xs">{Math.round(now * 100)} %</span>
    </>
  );
}
