/** The log of a topic: from its end, from a sequence, or live; one message at a time beside it. */
import { useId } from 'react';
import { Link } from 'wouter';
import { withQuery } from '../../api/ask.js';
import type { Topic, TopicPage } from '../../api/views.js';
import { PageHead } from '../../components/card.js';
import { SelectField, TextField } from '../../components/field.js';
import { Empty, Failure, Loading } from '../../components/notice.js';
import { useAnswer } from '../../hooks/use-answer.js';
import { type SetUrlState, useUrlState } from '../../hooks/use-url-state.js';
import { LiveTail } from './live-tail.js';
import { LogPages } from './log-pages.js';
import { MessageDrawer } from './message-drawer.js';

export default function Messages() {
  const [get, set] = useUrlState();
  const topic = get('topic');
  const isAsked = topic !== '';
  const found = useAnswer<Topic>(`/api/topics/${encodeURIComponent(topic)}`, { isAsked });
  return (
    <>
      <PageHead title="Messages" text="What is in the log of a topic, and what became of each." />
      <Toolbar get={get} set={set} />
      {isAsked ? null : <Choose />}
      {isAsked && found.error !== null ? <Failure error={found.error} /> : null}
      {isAsked && found.data === undefined && found.error === null ? <Loading /> : null}
      {isAsked && found.data?.name === topic && found.error === null ? (
        <Shown topic={found.data} get={get} set={set} />
      ) : null}
    </>
  );
}

interface PartProps {
  get: (name: string) => string;
  set: SetUrlState;
}

function Shown({ topic, get, set }: PartProps & { topic: Topic }) {
  const open = (id: string): void => set({ message: id });
  const message = get('message');
  return (
    <>
      {get('mode') === 'live' ? (
        <LiveTail key={topic.name} topic={topic.name} onOpen={open} opened={message} />
      ) : (
        <LogPages topic={topic} get={get} set={set} />
      )}
      {message === '' ? null : (
        <MessageDrawer key={message} id={message} onClose={() => set({ message: null })} />
      )}
    </>
  );
}

function Toolbar({ get, set }: PartProps) {
  const list = useId();
  const topic = get('topic');
  const mode = get('mode') || 'newest';
  const query = { prefix: topic, limit: 20 };
  const isAsked = topic === '' || /^[\w:.-]+$/.test(topic);
  const { data } = useAnswer<TopicPage>(withQuery('/api/topics', query), { everyMs: 0, isAsked });
  return (
    <div className="mb-3 grid gap-3 sm:grid-cols-[minmax(12rem,22rem)_10rem_10rem]">
      <TextField
        label="Topic"
        type="search"
        mono="mono"
        data-filter=""
        list={list}
        value={topic}
        onChange={(event) => set({ topic: event.target.value, from: null, message: null })}
      />
      <datalist id={list}>
        {data?.topics.map(({ name }) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <SelectField
        label="Show"
        value={mode}
        onChange={(event) => set({ mode: event.target.value, from: null })}
      >
        <option value="newest">the newest first</option>
        <option value="oldest">the oldest first</option>
        <option value="live">live</option>
      </SelectField>
      {mode === 'live' ? null : (
        <TextField
          label={mode === 'oldest' ? 'From sequence' : 'Up to sequence'}
          inputMode="numeric"
          value={get('from')}
          onChange={(event) => set({ from: event.target.value.replace(/\D/g, '') })}
        />
      )}
    </div>
  );
}

function Choose() {
  const { data } = useAnswer<TopicPage>('/api/topics?limit=12');
  const topics = data?.topics ?? [];
  return (
    <div className="rounded-lg border border-line bg-panel">
      <Empty icon="messages" title="Which topic?">
        {topics.length === 0
          ? 'There is none yet.'
          : 'Begin to type its name above, or take one of these.'}
        <span className="mt-3 flex flex-wrap justify-center gap-2">
          {topics.map(({ name }) => (
            <Link
              key={name}
              href={`/messages?topic=${name}`}
              className="rounded-full border border-line bg-raised px-3 py-1 font-mono text-xs break-all hover:border-accent"
            >
              {name}
            </Link>
          ))}
        </span>
      </Empty>
    </div>
  );
}
