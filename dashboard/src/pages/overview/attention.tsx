/** What somebody should look at, the worst first, each with where to go. */
import { Link } from 'wouter';
import { countText, durationText, ofMany } from '../../api/texts.js';
import type { Health, Stats, WatchCondition } from '../../api/views.js';
import { Card } from '../../components/card.js';
import { Empty } from '../../components/notice.js';
import { Status, type Tone } from '../../components/status.js';
import { useLive } from '../../live/use-live.js';
import { useHealth } from '../../shell/connection.js';

type Concerned = NonNullable<WatchCondition['concerns']>[number];

interface Concern {
  tone: Tone;
  word: string;
  text: string;
  to: string;
}

/** So many, or more: the node counts no further. */
const LETTERS_COUNTED = 10_000;

function ofHealth(health: Health | undefined): Concern[] {
  const wrong = Object.entries(health?.checks ?? {}).filter(([, state]) => state !== 'ok');
  return wrong.map(([what, state]) => ({
    ...{ tone: 'bad', word: what, to: '/nodes' },
    text: state,
  }));
}

function ofNodes(nodes: WatchCondition['nodes']): Concern[] {
  const lost = (nodes ?? []).filter(({ state }) => state === 'lost');
  return lost.map(({ id }) => ({
    ...{ tone: 'bad', word: 'node', to: '/nodes' },
    text: `${id} has not renewed its lease`,
  }));
}

function textOf({ topic, name, why, lag, oldest_unacked_ms: oldest }: Concerned): string {
  const what = `${name} of ${topic}`;
  if (why === 'slow') return `${what}: ${durationText(oldest ?? 0)} unacked`;
  if (why === 'nobody') return `${what}: ${countText(lag)} wait`;
  return why === 'behind' ? `${what}: ${countText(lag)}` : `${what}, ${countText(lag)} behind`;
}

function ofSubscriptions(concerns: WatchCondition['concerns']): Concern[] {
  return (concerns ?? []).map((one) => ({
    ...{ tone: 'warn', word: one.why, text: textOf(one) },
    to: `/topics/${one.topic}?tab=subscriptions`,
  }));
}

function ofLetters(stats: Stats | null): Concern[] {
  const count = stats?.dead_letters ?? 0;
  if (count === 0) return [];
  const more = count < LETTERS_COUNTED ? '' : 'at least ';
  const text = `${more}${ofMany(count, 'dead letter')}`;
  return [{ tone: 'warn', word: 'given up', text, to: '/dead-letters' }];
}

export function Attention() {
  const { stats, condition } = useLive();
  const concerns = [
    ...ofHealth(useHealth()),
    ...ofNodes(condition?.nodes),
    ...ofSubscriptions(condition?.concerns),
    ...ofLetters(stats),
  ];
  return (
    <Card title="Needs attention" bleed="bleed">
      {concerns.length === 0 ? (
        <Empty icon="check" title="Nothing">
          Health, leases, subscriptions and dead letters are as they should be.
        </Empty>
      ) : (
        <ul className="max-h-80 divide-y divide-line overflow-y-auto">
          {concerns.map(({ tone, word, text, to }) => (
            <li key={word + text}>
              <Link href={to} className="flex items-center gap-3 px-4 py-2.5 hover:bg-raised">
                <Status tone={tone}>{word}</Status>
                <span className="min-w-0 flex-1 text-sm break-words">{text}</span>
              </Link>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}
