/** What somebody should look at, the worst first, each with where to go. */
import { Link } from 'wouter';
import { countText, durationText, ofMany } from '../../api/texts.js';
import type { Health, LetterPage, NodeList, SubscriptionPage } from '../../api/views.js';
import { Card } from '../../components/card.js';
import { Empty } from '../../components/notice.js';
import { Status, type Tone } from '../../components/status.js';
import { useAnswer } from '../../hooks/use-answer.js';
import { useCaller } from '../../hooks/use-caller.js';
import { useHealth } from '../../shell/connection.js';

interface Concern {
  tone: Tone;
  word: string;
  text: string;
  to: string;
}

const LOOKED_AT = 200;
/** Behind by more than so many messages is worth a look. */
const LAG = 1_000;
const OLD_MS = 60_000;

function ofHealth(health: Health | undefined): Concern[] {
  const wrong = Object.entries(health?.checks ?? {}).filter(([, state]) => state !== 'ok');
  return wrong.map(([what, state]) => ({
    ...{ tone: 'bad', word: what, to: '/nodes' },
    text: state,
  }));
}

function ofNodes(list: NodeList | undefined): Concern[] {
  const lost = (list?.nodes ?? []).filter(({ state }) => state === 'lost');
  return lost.map(({ id }) => ({
    ...{ tone: 'bad', word: 'node', to: '/nodes' },
    text: `${id} has not renewed its lease`,
  }));
}

function ofSubscriptions(page: SubscriptionPage | undefined): Concern[] {
  return (page?.subscriptions ?? []).flatMap(
    ({ topic, name, sessions, lag, paused, oldest_unacked_ms: oldest }): Concern[] => {
      const to = `/topics/${topic}?tab=subscriptions`;
      const what = `${name} of ${topic}`;
      if (paused) {
        return [{ tone: 'warn', word: 'paused', text: `${what}, ${countText(lag)} behind`, to }];
      }
      if (sessions === 0 && lag > 0) {
        return [{ tone: 'warn', word: 'nobody', text: `${what}: ${countText(lag)} wait`, to }];
      }
      if (lag > LAG)
        return [{ tone: 'warn', word: 'behind', text: `${what}: ${countText(lag)}`, to }];
      if ((oldest ?? 0) > OLD_MS) {
        return [
          { tone: 'warn', word: 'slow', text: `${what}: ${durationText(oldest ?? 0)} unacked`, to },
        ];
      }
      return [];
    },
  );
}

function ofLetters(page: LetterPage | undefined): Concern[] {
  const count = page?.dead_letters.length ?? 0;
  if (count === 0) return [];
  const more = page?.next === undefined ? '' : 'more than ';
  const text = `${more}${ofMany(count, 'dead letter')}`;
  return [{ tone: 'warn', word: 'given up', text, to: '/dead-letters' }];
}

export function Attention() {
  const { may } = useCaller();
  const health = useHealth().data;
  const nodes = useAnswer<NodeList>('/api/nodes', { isAsked: may('operate') }).data;
  const isAsked = may('subscribe');
  const everyMs = 5_000;
  const subscriptions = useAnswer<SubscriptionPage>(`/api/subscriptions?limit=${LOOKED_AT}`, {
    ...{ isAsked, everyMs },
  }).data;
  const letters = useAnswer<LetterPage>('/api/dead-letters?limit=100', { isAsked, everyMs }).data;
  const concerns = [
    ...ofHealth(health),
    ...ofNodes(nodes),
    ...ofSubscriptions(subscriptions),
    ...ofLetters(letters),
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
