/** What happens on this node, as it happens; the newest first. */
import { Link } from 'wouter';
import { countText } from '../../api/texts.js';
import type { Happened } from '../../api/views.js';
import { Card } from '../../components/card.js';
import { Empty } from '../../components/notice.js';
import { TimeText } from '../../components/time-text.js';
import { useLive } from '../../live/use-live.js';
import { shownText } from '../messages/message-columns.js';

interface Words {
  one: string;
  many: string;
  what: string;
}

const WORDS: Readonly<Record<Happened['kind'], Words>> = {
  'topic.created': { one: 'topic', many: 'topics', what: 'created' },
  'topic.deleted': { one: 'topic', many: 'topics', what: 'deleted' },
  dead_letter: { one: 'message', many: 'messages', what: 'given up' },
  'session.opened': { one: 'session', many: 'sessions', what: 'opened' },
  'session.closed': { one: 'session', many: 'sessions', what: 'closed' },
  'node.joined': { one: 'node', many: 'nodes', what: 'joined' },
  'node.left': { one: 'node', many: 'nodes', what: 'left' },
  'thread.replaced': { one: 'thread', many: 'threads', what: 'died and was replaced' },
  lost: { one: 'event', many: 'events', what: 'not told one by one' },
};

function HappenedLine({ happened }: { happened: Happened }) {
  const { kind, topic, name, count, at } = happened;
  const { one, many, what } = WORDS[kind];
  return (
    <li className="flex items-baseline gap-3 px-4 py-2 text-sm">
      <span className="w-20 shrink-0 text-xs text-soft">
        <TimeText time={at} />
      </span>
      <span className="min-w-0 flex-1 break-words">
        {count === 1 ? one : `${countText(count)} ${many}`} {what}
        {name !== undefined && kind === 'dead_letter' ? ' by' : ''}
        {name === undefined ? null : <bdi className="font-medium"> {shownText(name)}</bdi>}
        {topic === undefined ? null : (
          <>
            {kind === 'dead_letter' ? ' of ' : ' '}
            <Link href={`/topics/${topic}`} className="font-medium text-accent hover:underline">
              {topic}
            </Link>
          </>
        )}
      </span>
    </li>
  );
}

export function Happenings() {
  const { happened } = useLive();
  return (
    <Card title="What happens" className="mt-3" bleed="bleed" aside="on this node">
      {happened.length === 0 ? (
        <Empty icon="check" title="Nothing yet">
          Topics that are made, sessions that come and go, nodes and dead letters show up here.
        </Empty>
      ) : (
        <ol
          className="max-h-80 divide-y divide-line overflow-y-auto"
          aria-label="What happens on this node"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keys
          tabIndex={0}
        >
          {happened.map((one) => (
            <HappenedLine key={one.number} happened={one} />
          ))}
        </ol>
      )}
    </Card>
  );
}
