/** The newest messages of a topic, as they come. */
import { Link } from 'wouter';
import { jsonText } from '../../api/json.js';
import { countText } from '../../api/texts.js';
import type { Message, MessagePage } from '../../api/views.js';
import { Card } from '../../components/card.js';
import { Empty, Failure, Loading } from '../../components/notice.js';
import { type Column, Table } from '../../components/table.js';
import { TimeText } from '../../components/time-text.js';
import { useAnswer } from '../../hooks/use-answer.js';

const SHOWN = 20;
const CHARS_MAX = 160;

const COLUMNS: readonly Column<Message>[] = [
  {
    name: 'Sequence',
    align: 'right',
    cell: ({ topic, sequence, message_id: id }) => (
      <Link href={`/messages?topic=${topic}&message=${id}`} className="text-accent hover:underline">
        {countText(sequence)}
      </Link>
    ),
  },
  { name: 'Published', cell: (message) => <TimeText time={message.published_at} /> },
  { name: 'Key', wide: 'md', cell: ({ key }) => <span className="break-all">{key ?? ''}</span> },
  {
    name: 'Payload',
    cell: ({ payload }) => (
      <span className="block max-w-[60ch] truncate font-mono text-xs">
        {jsonText(payload, 'line').slice(0, CHARS_MAX)}
      </span>
    ),
  },
];

export function LatestMessages({ topic }: { topic: string }) {
  const target = `/api/topics/${topic}/messages?order=desc&limit=${SHOWN}`;
  const { data, error } = useAnswer<MessagePage>(target, { everyMs: 1_000 });
  return (
    <Card
      title={`The newest ${SHOWN}`}
      bleed="bleed"
      aside={
        <Link href={`/messages?topic=${topic}&mode=live`} className="text-accent underline">
          Follow them live
        </Link>
      }
    >
      {data === undefined && error === null ? <Loading /> : null}
      {error === null ? null : <Failure error={error} />}
      {data?.messages.length === 0 ? (
        <Empty icon="messages" title="No messages yet">
          What is published to {topic} shows up here by itself.
        </Empty>
      ) : null}
      {data !== undefined && data.messages.length > 0 ? (
        <Table
          label="Latest messages"
          columns={COLUMNS}
          rows={data.messages}
          keyOf={({ sequence }) => String(sequence)}
        />
      ) : null}
    </Card>
  );
}
