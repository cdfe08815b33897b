/** The log of a topic: from its end, from a sequence, or live; one message at a time beside it. */
import { type FormEvent, useId, useState } from 'react';
import { Link } from 'wouter';
import { withQuery } from '../../api/ask.js';
import type { Topic, TopicPage } from '../../api/views.js';
import { Button } from '../../components/button.js';
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
    <div className="mb-3 grid gap-3 sm:grid-cols-2 lg:grid-cols-[minmax(12rem,22rem)_10rem_10rem_13rem]">
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
        onChange={(event) => set({ mode: event.target.value, from: null, time: null })}
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
          onChange={(event) => set({ from: event.target.value.replace(/\D/g, ''), time: null })}
        />
      )}
      {mode === 'live' ? null : (
        <>
          <TextField
            label={mode === 'oldest' ? 'From' : 'Up to'}
            type="datetime-local"
            step="1"
            value={localTime(get('time'))}
            onChange={(event) => set({ time: isoTime(event.target.value), from: null })}
          />
          <Filter key={get('filter')} filter={get('filter')} set={set} />
        </>
      )}
    </div>
  );
}

/** It is asked for when it is whole: a page of the log is looked through for it. */
function Filter({ filter, set }: { filter: string; set: SetUrlState }) {
  const [draft, setDraft] = useState(filter);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    set({ filter: draft.trim(), from: null, message: null });
  };
  return (
    <form className="flex items-end gap-2 sm:col-span-2 lg:col-span-4" onSubmit={submit}>
      <div className="min-w-0 flex-1">
        <TextField
          label="Only those for which"
          mono="mono"
          placeholder={'payload.amount > 50 && key == "eu"'}
          maxLength={1_024}
          value={draft}
          onChange={(event) => setDraft(event.target.value)}
        />
      </div>
      <Button type="submit" icon="search">
        Filter
      </Button>
    </form>
  );
}

const MINUTE_MS = 60_000;

/** As the browser's field has it: the time of this place, without its zone. '' for what is no time. */
function localTime(iso: string): string {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return '';
  return new Date(at.getTime() - at.getTimezoneOffset() * MINUTE_MS).toISOString().slice(0, 19);
}

function isoTime(local: string): string | null {
  const at = new Date(local);
  return Number.isNaN(at.getTime()) ? null : at.toISOString();
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
