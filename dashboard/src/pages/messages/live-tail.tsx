/**
 * Messages as they come: the last thousand, gathered by frames of the screen. Above 200 a second it shows
 * one of n, and says so. Whoever scrolls down, or presses Pause, reads undisturbed.
 */
import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useRef, useState } from 'react';
import { countText, ofMany } from '../../api/texts.js';
import type { Message } from '../../api/views.js';
import { Button } from '../../components/button.js';
import { Card } from '../../components/card.js';
import { Empty } from '../../components/notice.js';
import { Status } from '../../components/status.js';
import { messageColumns } from './message-columns.js';
import { useTail } from './use-tail.js';

const ROW_PIXELS = 37;

interface LiveTailProps {
  topic: string;
  onOpen: (id: string) => void;
  opened: string;
}

export function LiveTail({ topic, onOpen, opened }: LiveTailProps) {
  const frame = useRef<HTMLElement>(null);
  const [isHeld, setHeld] = useState(false);
  const { rows, waiting, seen, oneOf, state, reason } = useTail(topic, isHeld);
  const resume = (): void => {
    frame.current?.scrollTo({ top: 0 });
    setHeld(false);
  };
  useEffect(() => {
    const element = frame.current;
    if (element === null) return;
    const onScroll = (): void => {
      if (element.scrollTop > ROW_PIXELS) setHeld(true);
    };
    element.addEventListener('scroll', onScroll, { passive: true });
    return () => element.removeEventListener('scroll', onScroll);
  }, []);
  return (
    <Card
      title={
        <span className="flex items-center gap-2">
          {topic}
          {state === 'open' ? <Status tone="live">live</Status> : null}
          {state === 'waiting' ? <Status tone="warn">comes back</Status> : null}
          {state === 'connecting' ? <Status tone="idle">connecting</Status> : null}
          {state === 'ended' ? <Status tone="bad">closed: {reason}</Status> : null}
          {oneOf > 1 ? <Status tone="warn">shows 1 of {oneOf}</Status> : null}
        </span>
      }
      aside={
        <span className="flex items-center gap-2">
          {ofMany(seen, 'message')} came
          {isHeld ? (
            <Button look="main" onClick={resume}>
              {countText(waiting)} new
            </Button>
          ) : (
            <Button icon="pause" onClick={() => setHeld(true)}>
              Pause
            </Button>
          )}
        </span>
      }
      bleed="bleed"
    >
      <section
        ref={frame}
        className="h-[min(60vh,40rem)] overflow-auto"
        aria-label={`Live messages of ${topic}`}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keys
        tabIndex={0}
      >
        {rows.length === 0 ? (
          <Empty icon="messages" title="Nothing has come yet">
            What is published to {topic} from now on shows up here.
          </Empty>
        ) : (
          <Rows {...{ rows, frame, onOpen, opened }} />
        )}
      </section>
    </Card>
  );
}

interface RowsProps {
  rows: readonly Message[];
  frame: { readonly current: HTMLElement | null };
  onOpen: (id: string) => void;
  opened: string;
}

function Rows({ rows, frame, onOpen, opened }: RowsProps) {
  const columns = messageColumns(onOpen);
  const list = useVirtualizer({
    count: rows.length,
    getScrollElement: () => frame.current,
    estimateSize: () => ROW_PIXELS,
    overscan: 12,
  });
  const items = list.getVirtualItems();
  const above = items[0]?.start ?? 0;
  const below = list.getTotalSize() - (items.at(-1)?.end ?? 0);
  return (
    <table className="w-full border-collapse text-sm" aria-rowcount={rows.length}>
      <thead className="sticky top-0 bg-panel">
        <tr className="text-xs text-soft">
          {columns.map(({ name, align, wide }) => (
            <th
              key={name}
              scope="col"
              className={`px-4 py-2 font-medium ${align === 'right' ? 'text-right' : 'text-left'} ${wide === undefined ? '' : WIDE[wide]}`}
            >
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        <tr style={{ height: above }} />
        {items.map(({ index }) => {
          const row = rows[index];
          if (row === undefined) return null;
          return (
            <tr
              key={row.sequence}
              className={`h-[37px] cursor-pointer border-b border-line hover:bg-raised ${row.message_id === opened ? 'bg-accent-wash' : ''}`}
              onClick={() => onOpen(row.message_id)}
            >
              {columns.map(({ name, align, wide, cell }) => (
                <td
                  key={name}
                  className={`px-4 py-1 ${align === 'right' ? 'text-right' : ''} ${wide === undefined ? '' : WIDE[wide]}`}
                >
                  {cell(row)}
                </td>
              ))}
            </tr>
          );
        })}
        <tr style={{ height: below }} />
      </tbody>
    </table>
  );
}

const WIDE = { md: 'hidden md:table-cell', lg: 'hidden lg:table-cell', xl: 'hidden xl:table-cell' };
