/** One message: what it holds, and what became of it, live while it happens. */
import { useState } from 'react';
import { Link } from 'wouter';
import { jsonText } from '../../api/json.js';
import { bytesText, countText } from '../../api/texts.js';
import type { Trace } from '../../api/views.js';
import { Facts } from '../../components/card.js';
import { CodeBlock, CopyButton } from '../../components/copy-button.js';
import { Dialog } from '../../components/dialog.js';
import { Failure, Loading } from '../../components/notice.js';
import { Tabs } from '../../components/tabs.js';
import { TimeText } from '../../components/time-text.js';
import { useAnswer } from '../../hooks/use-answer.js';
import { hexText } from './hex-text.js';
import { shownText } from './message-columns.js';
import { Waterfall } from './waterfall.js';

export function MessageDrawer({ id, onClose }: { id: string; onClose: () => void }) {
  const { data, error } = useAnswer<Trace>(`/api/messages/${id}`, { everyMs: 1_000 });
  return (
    <Dialog
      shape="drawer"
      title={
        data === undefined ? 'Message' : `Message ${countText(data.sequence)} of ${data.topic}`
      }
      onClose={onClose}
    >
      {data === undefined && error === null ? <Loading rows={8} /> : null}
      {error === null ? null : <Failure error={error} />}
      {data === undefined ? null : <MessageParts trace={data} />}
    </Dialog>
  );
}

function MessageParts({ trace }: { trace: Trace }) {
  return (
    <div className="space-y-6">
      <Facts
        facts={[
          ['Topic', <TopicLink key="topic" name={trace.topic} />],
          ['Sequence', countText(trace.sequence)],
          ['Published', <Published key="at" time={trace.published_at} />],
          ['Key', <bdi key="key">{shownText(trace.key ?? '–')}</bdi>],
          [
            'Id',
            <span
              key="id"
              className="inline-flex flex-wrap items-center gap-x-1 font-mono text-xs break-all"
            >
              {trace.message_id}
              <CopyButton text={trace.message_id} />
            </span>,
          ],
        ]}
      />
      <section>
        <h3 className="mb-2 font-semibold">What became of it</h3>
        <Waterfall trace={trace} />
      </section>
      <section>
        <h3 className="mb-2 font-semibold">What it holds</h3>
        <Payload payload={trace.payload} />
      </section>
      <Headers headers={trace.headers ?? {}} />
    </div>
  );
}

function TopicLink({ name }: { name: string }) {
  return (
    <Link href={`/topics/${name}`} className="break-all text-accent hover:underline">
      {name}
    </Link>
  );
}

function Published({ time }: { time: string }) {
  return (
    <>
      <TimeText time={time} /> <span className="text-soft">{time}</span>
    </>
  );
}

export function Payload({ payload }: { payload: unknown }) {
  const [shown, setShown] = useState('json');
  const raw = jsonText(payload, 'line');
  const bytes = new TextEncoder().encode(raw);
  const size = bytesText(bytes.length);
  return (
    <Tabs
      label="Payload"
      chosen={shown}
      onChoose={setShown}
      tabs={[
        {
          id: 'json',
          label: 'JSON',
          content: <CodeBlock label={size} text={shownText(jsonText(payload))} />,
        },
        { id: 'raw', label: 'Line', content: <CodeBlock label={size} text={shownText(raw)} /> },
        { id: 'hex', label: 'Hex', content: <CodeBlock label={size} text={hexText(bytes)} /> },
      ]}
    />
  );
}

function Headers({ headers }: { headers: Readonly<Record<string, string>> }) {
  const entries = Object.entries(headers);
  if (entries.length === 0) return null;
  return (
    <section>
      <h3 className="mb-2 font-semibold">Headers</h3>
      <Facts
        facts={entries.map(([name, value]) => [
          shownText(name),
          <bdi key={name} className="font-mono text-xs break-all">
            {shownText(value)}
          </bdi>,
        ])}
      />
    </section>
  );
}
