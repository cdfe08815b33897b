/** Dead letters that were given up alike, the most first: what to mend, before one by one. */
import { withQuery } from '../../api/ask.js';
import { countText } from '../../api/texts.js';
import type { LetterGroups as Groups } from '../../api/views.js';
import { Card } from '../../components/card.js';
import { type Column, Table } from '../../components/table.js';
import { TimeText } from '../../components/time-text.js';
import { useAnswer } from '../../hooks/use-answer.js';
import { shownText } from '../messages/message-columns.js';

type Group = Groups['groups'][number];

interface LetterGroupsProps {
  topic: string;
  subscription: string;
  /** It is pressed: only those of its topic and subscription. */
  choose: (names: { topic: string; subscription: string | null }) => void;
}

export function LetterGroups({ topic, subscription, choose }: LetterGroupsProps) {
  const target = withQuery('/api/dead-letter-groups', { topic, subscription });
  const { data } = useAnswer<Groups>(target, { everyMs: 5_000 });
  const groups = data?.groups ?? [];
  if (groups.length === 0) return null;
  return (
    <Card title="By what went wrong" aside="of the oldest 10,000" className="mb-3" bleed="bleed">
      <div className="max-h-72 overflow-y-auto">
        <Table
          label="Dead letters by what went wrong"
          columns={columnsOf(choose)}
          rows={groups}
          keyOf={(group) => JSON.stringify([group.topic, group.subscription, whyOf(group)])}
        />
      </div>
    </Card>
  );
}

function whyOf({ reason, error }: Group): string {
  return shownText(error === null || error === reason ? reason : `${reason}: ${error}`);
}

function columnsOf(choose: LetterGroupsProps['choose']): readonly Column<Group>[] {
  return [
    { name: 'How many', cell: ({ count }) => countText(count) },
    { name: 'Why', cell: (group) => <bdi className="break-words">{whyOf(group)}</bdi> },
    {
      name: 'Where',
      cell: ({ topic, subscription }) => (
        <button
          type="button"
          className="min-h-6 text-left break-all text-accent hover:underline"
          onClick={() => choose({ topic, subscription })}
        >
          {topic} <span className="text-soft">{subscription ?? 'without a name'}</span>
        </button>
      ),
    },
    { name: 'Last', wide: 'md', cell: (group) => <TimeText time={group.last_failed_at} /> },
  ];
}
