/** One topic: how it does, its latest messages, who subscribes, and what it keeps. */
import { useEffect, useState } from 'react';
import { Link, useParams } from 'wouter';
import { bytesText, countText, rateText } from '../../api/texts.js';
import type { Topic } from '../../api/views.js';
import { Button, buttonClass } from '../../components/button.js';
import { Card, Facts, PageHead } from '../../components/card.js';
import { Chart } from '../../components/chart.js';
import { Failure, Loading } from '../../components/notice.js';
import { Tabs } from '../../components/tabs.js';
import { TimeText } from '../../components/time-text.js';
import { useAnswer } from '../../hooks/use-answer.js';
import { useCaller } from '../../hooks/use-caller.js';
import { useUrlState } from '../../hooks/use-url-state.js';
import { Doctor } from '../doctor/doctor.js';
import { LatestMessages } from './latest-messages.js';
import { Retention } from './retention.js';
import { TopicEnd } from './topic-dialogs.js';
import { TopicSubscriptions } from './topic-subscriptions.js';
import { keptText } from './topics.js';
import { useRates } from './use-rates.js';

const POINTS_MAX = 600;

export default function TopicPage() {
  const { name = '' } = useParams();
  const [get, set] = useUrlState();
  const { may } = useCaller();
  const [isEnding, setEnding] = useState(false);
  const target = `/api/topics/${encodeURIComponent(name)}`;
  const {
    data: topic,
    error,
    refetch,
    dataUpdatedAt,
  } = useAnswer<Topic>(target, { everyMs: 1_000 });
  if (topic === undefined) {
    if (error === null) return <Loading />;
    return (
      <>
        <PageHead title={name} />
        <Failure error={error} retry={() => void refetch()} />
        <Doctor topic={name} />
      </>
    );
  }
  return (
    <>
      <PageHead
        title={topic.name}
        text={
          <Link href="/topics" className="text-accent underline">
            All topics
          </Link>
        }
        actions={
          <>
            <Link href={`/messages?topic=${topic.name}`} className={buttonClass('plain')}>
              Messages
            </Link>
            {may('publish') ? (
              <Link href={`/playground?topic=${topic.name}`} className={buttonClass('main')}>
                Publish here
              </Link>
            ) : null}
            {may('manage') ? (
              <Button look="danger" icon="trash" onClick={() => setEnding(true)}>
                Delete
              </Button>
            ) : null}
          </>
        }
      />
      {error === null ? null : <Failure error={error} />}
      <div className="mb-5 grid grid-cols-1 gap-3 lg:grid-cols-[1fr_2fr]">
        <TopicFacts topic={topic} />
        <RateChart topic={topic} at={dataUpdatedAt} />
      </div>
      <Tabs
        label="Parts of the topic"
        chosen={get('tab') || 'messages'}
        onChoose={(tab) => set({ tab })}
        tabs={[
          {
            id: 'messages',
            label: 'Latest messages',
            content: <LatestMessages topic={topic.name} />,
          },
          {
            id: 'subscriptions',
            label: 'Subscriptions',
            content: <TopicSubscriptions topic={topic.name} />,
          },
          { id: 'doctor', label: 'Why isn’t it arriving?', content: <Doctor topic={topic.name} /> },
          { id: 'settings', label: 'Settings', content: <Retention topic={topic} /> },
        ]}
      />
      {isEnding ? <TopicEnd topic={topic} onClose={() => setEnding(false)} /> : null}
    </>
  );
}

function TopicFacts({ topic }: { topic: Topic }) {
  return (
    <Card title="Facts">
      <Facts
        facts={[
          ['Messages', countText(topic.message_count)],
          ['Sequences', `${countText(topic.first_sequence)} to ${countText(topic.sequence)}`],
          ['Size', bytesText(topic.bytes)],
          ['Subscribers', countText(topic.subscriber_count)],
          ['Kept', keptText(topic.retention)],
          ['Created', <TimeText key="created" time={topic.created_at} />],
        ]}
      />
    </Card>
  );
}

function RateChart({ topic, at }: { topic: Topic; at: number }) {
  const [topics, setTopics] = useState([topic]);
  const [points, setPoints] = useState<readonly { at: number; rate: number }[]>([]);
  const rate = useRates(topics, at).get(topic.name) ?? 0;
  useEffect(() => setTopics([topic]), [topic]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a point for each answer
  useEffect(() => {
    setPoints((all) => [...all.slice(1 - POINTS_MAX), { at, rate }]);
  }, [at]);
  return (
    <Card title="Published" aside={`${rateText(rate)} per second, on all nodes`}>
      <Chart
        label="Messages per second of this topic"
        times={points.map((point) => point.at)}
        lines={[
          { label: 'published', values: points.map((point) => point.rate), colour: 'accent' },
        ]}
        height={160}
      />
    </Card>
  );
}
