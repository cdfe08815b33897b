/** Publishes what is typed, once, or many times at a rate. */
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { ask } from '../../api/ask.js';
import { countText } from '../../api/texts.js';
import type { Published } from '../../api/views.js';
import { Button } from '../../components/button.js';
import { Card } from '../../components/card.js';
import { CopyButton } from '../../components/copy-button.js';
import { AreaField, TextField } from '../../components/field.js';
import { Failure } from '../../components/notice.js';
import type { SetUrlState } from '../../hooks/use-url-state.js';
import { clientOf, commandOf, curlOf } from './code-texts.js';
import { parsePayload, publishBody } from './publish-body.js';

export const SAMPLE_TOPIC = 'orders.created';
export const SAMPLE_PAYLOAD = '{\n  "order_id": "abc-123",\n  "amount": 99.95\n}';
const TIMES_MAX = 10_000;
const PER_S_MAX = 1_000;
const TURN_MS = 100;

export interface PublishPaneProps {
  get: (name: string) => string;
  set: SetUrlState;
  /** `at`: when it was sent, by performance.now. */
  onSent: (id: string, at: number) => void;
}

export function PublishPane({ get, set, onSent }: PublishPaneProps) {
  const topic = get('topic') || SAMPLE_TOPIC;
  const payload = get('payload') || SAMPLE_PAYLOAD;
  const [times, setTimes] = useState('1');
  const [rate, setRate] = useState('10');
  const body = publishBody({ topic, payload, key: get('key'), headers: get('headers') });
  const run = useRun(onSent);
  const wrong = parsePayload(payload);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (body.text === null) return;
    const [count, perS] = [Number(times) || 1, Number(rate) || 1];
    run.start({
      body: body.text,
      times: Math.min(Math.max(1, count), TIMES_MAX),
      perS: Math.min(Math.max(1, perS), PER_S_MAX),
    });
  };
  return (
    <Card title="Publish">
      <form className="space-y-3" onSubmit={submit}>
        <TextField
          label="Topic"
          mono="mono"
          value={topic}
          onChange={(event) => set({ topic: event.target.value })}
        />
        <AreaField
          label="Payload, JSON"
          rows={8}
          value={payload}
          wrong={wrong}
          onChange={(event) => set({ payload: event.target.value })}
        />
        <div className="grid gap-3 sm:grid-cols-2">
          <TextField
            label="Key"
            value={get('key')}
            onChange={(event) => set({ key: event.target.value })}
          />
          <TextField
            label="Headers"
            mono="mono"
            placeholder="trace=abc, source=web"
            value={get('headers')}
            wrong={body.wrong}
            onChange={(event) => set({ headers: event.target.value })}
          />
          <TextField
            label="Times"
            inputMode="numeric"
            value={times}
            onChange={(event) => setTimes(event.target.value)}
          />
          <TextField
            label="Per second"
            inputMode="numeric"
            value={rate}
            onChange={(event) => setRate(event.target.value)}
          />
        </div>
        <div className="flex flex-wrap items-center gap-2">
          {run.isRunning ? (
            <Button look="danger" icon="stop" onClick={run.stop}>
              Stop
            </Button>
          ) : (
            <Button
              type="submit"
              look="main"
              icon="playground"
              disabled={wrong !== null || body.text === null}
            >
              Publish
            </Button>
          )}
          <CopyButton label="As curl" text={curlOf(location.origin, body.text ?? '')} />
          <CopyButton label="As TypeScript" text={clientOf(location.origin, body.shown)} />
          <CopyButton label="As command" text={commandOf(location.origin, body.shown)} />
        </div>
        <p role="status" className="min-h-5 text-sm text-soft">
          {run.last === null
            ? ''
            : `${countText(run.done)} published, the last one as sequence ${countText(run.last.sequence)}`}
        </p>
      </form>
      {run.error === null ? null : <NoTopic error={run.error} topic={topic} retry={run.clear} />}
    </Card>
  );
}

function NoTopic({ error, topic, retry }: { error: Error; topic: string; retry: () => void }) {
  const [state, setState] = useState<'asked' | 'failed'>('asked');
  const create = (): void => {
    ask('POST /api/topics', { body: { name: topic } }).then(retry, () => setState('failed'));
  };
  const isMissing = 'code' in error && error.code === 'topic_not_found';
  return (
    <>
      <Failure error={error} />
      {isMissing && state === 'asked' ? (
        <Button icon="plus" onClick={create}>
          Create {topic}
        </Button>
      ) : null}
    </>
  );
}

interface Run {
  body: string;
  times: number;
  perS: number;
}

/** A bounded number of publishes, spread over time; what fails ends it. */
function useRun(onSent: PublishPaneProps['onSent']) {
  const [error, setError] = useState<Error | null>(null);
  const [last, setLast] = useState<Published | null>(null);
  const [done, setDone] = useState(0);
  const [isRunning, setRunning] = useState(false);
  const timer = useRef<ReturnType<typeof setInterval> | null>(null);
  const stop = (): void => {
    if (timer.current !== null) clearInterval(timer.current);
    timer.current = null;
    setRunning(false);
  };
  useEffect(() => () => clearInterval(timer.current ?? undefined), []);
  const one = async (body: string): Promise<void> => {
    const at = performance.now();
    try {
      const answer = await ask<Published>('POST /api/publish', { body });
      onSent(answer.message_id, at);
      setLast(answer);
      setDone((count) => count + 1);
      setError(null);
    } catch (cause) {
      setError(cause instanceof Error ? cause : new Error(String(cause)));
      stop();
    }
  };
  const start = ({ body, times, perS }: Run): void => {
    let left = times;
    let due = 0;
    setDone(0);
    setRunning(times > 1);
    const turn = (): void => {
      due = Math.min(due + (perS * TURN_MS) / 1_000, left);
      for (; due >= 1 && left > 0; due--, left--) void one(body);
      if (left === 0) stop();
    };
    due = 1;
    timer.current = setInterval(turn, TURN_MS);
    turn();
  };
  return { error, last, done, isRunning, start, stop, clear: () => setError(null) };
}
