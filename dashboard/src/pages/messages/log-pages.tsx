/** Messages of the log, a page at a time. */
import { useMemo } from 'react';
import { withQuery } from '../../api/ask.js';
import { countText } from '../../api/texts.js';
import type { Message, MessagePage, Topic } from '../../api/views.js';
import { Button } from '../../components/button.js';
import { Card } from '../../components/card.js';
import { Empty, Failure, Loading } from '../../components/notice.js';
import { Table } from '../../components/table.js';
import { useAnswer } from '../../hooks/use-answer.js';
import { useShortcuts } from '../../hooks/use-shortcuts.js';
import type { SetUrlState } from '../../hooks/use-url-state.js';
import { messageColumns } from './message-columns.js';

const PAGE = 100;

interface LogPagesProps {
  topic: Topic;
  get: (name: string) => string;
  set: SetUrlState;
}

export function LogPages({ topic, get, set }: LogPagesProps) {
  const order = get('mode') === 'oldest' ? 'asc' : 'desc';
  const from = get('from');
  const [time, filter] = [from === '' ? get('time') : '', get('filter')];
  const query = { order, limit: PAGE, from_sequence: from, from_time: time, filter };
  const target = withQuery(`/api/topics/${topic.name}/messages`, query);
  // A page from a sequence on does not change; the newest do.
  const { data, error, refetch } = useAnswer<MessagePage>(target, {
    everyMs: from === '' && time === '' && filter === '' ? 2_000 : 0,
  });
  const messages = data?.messages ?? [];
  const opened = get('message');
  const columns = useMemo(() => messageColumns((id) => set({ message: id })), [set]);
  useSteps(messages, opened, (id) => set({ message: id }));
  return (
    <Card
      title={data === undefined ? 'Messages' : titleOf(messages)}
      aside={asideOf(topic, data)}
      bleed="bleed"
    >
      {data === undefined && error === null ? <Loading rows={8} /> : null}
      {error === null ? null : <Failure error={error} retry={() => void refetch()} />}
      {data !== undefined && messages.length === 0 && filter !== '' ? (
        <Empty icon="search" title="Nothing fits">
          {countText(data.scanned ?? 0)} messages were looked at
          {data.next === undefined ? ', which is all of them.' : '; there are more to look at.'}
        </Empty>
      ) : null}
      {data !== undefined && messages.length === 0 && filter === '' ? (
        <Empty icon="messages" title="No messages here">
          The log of {topic.name} has {countText(topic.message_count)}
          {topic.message_count === 0
            ? '.'
            : `, none of them ${order === 'asc' ? 'from' : 'up to'} ${from || 'then'}.`}
        </Empty>
      ) : null}
      {messages.length === 0 ? null : (
        <Table
          label={`Messages of ${topic.name}`}
          columns={columns}
          rows={messages}
          keyOf={({ sequence }) => String(sequence)}
          isOpen={({ message_id: id }) => id === opened}
          onOpen={({ message_id: id }) => set({ message: id })}
        />
      )}
      {data === undefined ? null : (
        <nav
          aria-label="Pages"
          className="flex justify-between gap-2 border-t border-line px-4 py-2"
        >
          <Button
            icon="left"
            disabled={from === '' && time === ''}
            onClick={() => set({ from: null, time: null })}
          >
            {order === 'asc' ? 'To the oldest' : 'To the newest'}
          </Button>
          <Button
            disabled={data.next === undefined}
            onClick={() => set({ from: String(data.next ?? '') })}
          >
            {filter !== '' && messages.length < PAGE
              ? 'Look further'
              : order === 'asc'
                ? 'Newer'
                : 'Older'}
          </Button>
        </nav>
      )}
    </Card>
  );
}

/** What a filter looked at, else what there is. */
function asideOf(topic: Topic, page: MessagePage | undefined): string {
  if (page?.scanned !== undefined) {
    return `scanned ${countText(page.scanned)}, matched ${countText(page.matched ?? 0)}`;
  }
  const [first, last] = [countText(topic.first_sequence), countText(topic.sequence)];
  return `${countText(topic.message_count)} in the log, ${first} to ${last}`;
}

function titleOf(messages: readonly Message[]): string {
  const [first, last] = [messages[0], messages.at(-1)];
  if (first === undefined || last === undefined) return 'Messages';
  return `Sequences ${countText(first.sequence)} to ${countText(last.sequence)}`;
}

/** `j` and `k` go to the message below and above the one that is open. */
export function useSteps(
  messages: readonly Message[],
  opened: string,
  open: (id: string) => void,
): void {
  const at = messages.findIndex(({ message_id: id }) => id === opened);
  const step = (by: number) => (): void => {
    const next = messages[at + by];
    if (at >= 0 && next !== undefined) open(next.message_id);
  };
  useShortcuts({ j: step(1), k: step(-1) });
}
