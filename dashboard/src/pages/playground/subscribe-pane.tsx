/** Subscribes, shows what comes, acknowledges it or not, and shows every frame as it went over the wire. */
import { type FormEvent, useRef, useState } from 'react';
import { jsonText, parseJson } from '../../api/json.js';
import { countText } from '../../api/texts.js';
import type { Message } from '../../api/views.js';
import { Button } from '../../components/button.js';
import { Card } from '../../components/card.js';
import { CheckField, SelectField, TextField } from '../../components/field.js';
import { Empty } from '../../components/notice.js';
import { Status } from '../../components/status.js';
import { Tabs } from '../../components/tabs.js';
import type { Frame, WireFrame } from '../../hooks/frame-format.js';
import { type SocketState, useSocket } from '../../hooks/use-socket.js';
import type { SetUrlState } from '../../hooks/use-url-state.js';
import { shownText } from '../messages/message-columns.js';
import { FrameList, type SeenFrame } from './frame-list.js';
import { SAMPLE_TOPIC } from './publish-pane.js';

const KEPT = 200;

export type Delivered = Message & { attempt: number; subscription?: string };

export interface SubscribePaneProps {
  get: (name: string) => string;
  set: SetUrlState;
  /** `at`: when it came, by performance.now. */
  onCome: (id: string, at: number) => void;
}

export function SubscribePane({ get, set, onCome }: SubscribePaneProps) {
  const [wanted, setWanted] = useState<string | null>(null);
  const [messages, setMessages] = useState<readonly Delivered[]>([]);
  const [frames, setFrames] = useState<readonly SeenFrame[]>([]);
  const [refusal, setRefusal] = useState('');
  const number = useRef(0);
  const isAcking = get('ack') !== 'by-hand';
  const see = (way: SeenFrame['way'], { text, bytes }: WireFrame): void => {
    number.current += 1;
    const frame = { number: number.current, way, text, bytes, at: Date.now() };
    setFrames((all) => [frame, ...all].slice(0, KEPT));
  };
  const socket = useSocket({
    wanted,
    format: get('format') === 'msgpack' ? 'msgpack' : 'json',
    onSent: (sent) => see('out', sent),
    onOpen: (send) => send(JSON.parse(wanted ?? '{}') as object),
    onFrames: (come) => {
      const at = performance.now();
      for (const one of come) {
        const { frame, text, bytes } = one;
        see('in', one);
        if (frame.type === 'error') setRefusal(String(frame['message']));
        if (frame.type !== 'message') continue;
        const message = (bytes === null ? parseJson(text) : frame) as Delivered;
        onCome(message.message_id, at);
        setMessages((all) => [message, ...all].slice(0, KEPT));
        if (isAcking) settle('ack', message);
      }
    },
  });
  const settle = (type: 'ack' | 'nack' | 'reject', message: Delivered): void => {
    socket.send({ type, message_id: message.message_id });
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setRefusal('');
    setMessages([]);
    setWanted(wanted === null ? JSON.stringify(subscribeFrame(get)) : null);
  };
  return (
    <Card title="Subscribe" aside={<SocketStatus state={socket.state} reason={socket.reason} />}>
      <form className="space-y-3" onSubmit={submit}>
        <SubscribeFields get={get} set={set} isOpen={wanted !== null} />
        <div className="flex flex-wrap items-center gap-3">
          <Button type="submit" look={wanted === null ? 'main' : 'plain'}>
            {wanted === null ? 'Subscribe' : 'Unsubscribe'}
          </Button>
          <CheckField
            label="Acknowledge by itself"
            checked={isAcking}
            onChange={(event) => set({ ack: event.target.checked ? null : 'by-hand' })}
          />
        </div>
      </form>
      {refusal === '' ? null : (
        <p role="alert" className="mt-2 text-sm text-bad">
          {refusal}
        </p>
      )}
      <div className="mt-4">
        <Tabs
          label="What came"
          chosen={get('shown') || 'messages'}
          onChoose={(shown) => set({ shown })}
          tabs={[
            {
              id: 'messages',
              label: `Messages ${countText(messages.length)}`,
              content: <Deliveries messages={messages} settle={isAcking ? null : settle} />,
            },
            {
              id: 'frames',
              label: `Frames ${countText(frames.length)}`,
              content: <FrameList frames={frames} />,
            },
          ]}
        />
      </div>
    </Card>
  );
}

function subscribeFrame(get: (name: string) => string): Frame {
  const from = get('from');
  const name = get('subscription');
  return {
    type: 'subscribe',
    topic: get('listen') || get('topic') || SAMPLE_TOPIC,
    ...(name === '' ? {} : { subscription: name }),
    ack: 'explicit',
    ...(from === '' ? {} : { start: { from } }),
  };
}

function SocketStatus({ state, reason }: { state: SocketState; reason: string }) {
  if (state === 'open') return <Status tone="live">open</Status>;
  if (state === 'connecting') return <Status tone="idle">connecting</Status>;
  if (state === 'waiting') return <Status tone="warn">comes back, {reason}</Status>;
  if (state === 'ended') return <Status tone="bad">closed, {reason}</Status>;
  return null;
}

interface FieldsProps {
  get: (name: string) => string;
  set: SetUrlState;
  isOpen: boolean;
}

function SubscribeFields({ get, set, isOpen }: FieldsProps) {
  return (
    <div className="grid gap-3 sm:grid-cols-2">
      <div className="sm:col-span-2">
        <TextField
          label="Topic"
          mono="mono"
          disabled={isOpen}
          placeholder={get('topic') || SAMPLE_TOPIC}
          value={get('listen')}
          onChange={(event) => set({ listen: event.target.value })}
        />
      </div>
      <TextField
        label="Durable name"
        mono="mono"
        disabled={isOpen}
        placeholder="none: it ends with this page"
        value={get('subscription')}
        onChange={(event) => set({ subscription: event.target.value })}
      />
      <SelectField
        label="Begin"
        disabled={isOpen}
        value={get('from')}
        onChange={(event) => set({ from: event.target.value })}
      >
        <option value="">with what comes now</option>
        <option value="earliest">with the oldest message</option>
      </SelectField>
      <SelectField
        label="Frames"
        disabled={isOpen}
        value={get('format')}
        onChange={(event) => set({ format: event.target.value })}
      >
        <option value="">JSON</option>
        <option value="msgpack">msgpack</option>
      </SelectField>
    </div>
  );
}

interface DeliveriesProps {
  messages: readonly Delivered[];
  settle: ((type: 'ack' | 'nack' | 'reject', message: Delivered) => void) | null;
}

function Deliveries({ messages, settle }: DeliveriesProps) {
  if (messages.length === 0) {
    return (
      <Empty icon="messages" title="Nothing has come">
        Switch “Acknowledge by itself” off to watch a message come again, later each time.
      </Empty>
    );
  }
  return (
    <ol className="max-h-120 space-y-2 overflow-y-auto">
      {messages.map((message) => (
        <li
          key={`${message.sequence} ${message.attempt}`}
          className="rounded-md border border-line bg-page px-3 py-2"
        >
          <div className="flex flex-wrap items-center justify-between gap-2 text-xs text-soft">
            <span>
              sequence {countText(message.sequence)}
              {message.attempt > 1 ? (
                <strong className="ml-2 text-warn">attempt {message.attempt}</strong>
              ) : null}
            </span>
            {settle === null ? null : (
              <span className="flex gap-1">
                <Button onClick={() => settle('ack', message)}>Ack</Button>
                <Button onClick={() => settle('nack', message)}>Nack</Button>
                <Button look="danger" onClick={() => settle('reject', message)}>
                  Reject
                </Button>
              </span>
            )}
          </div>
          <pre className="mt-1 overflow-x-auto font-mono text-xs whitespace-pre-wrap break-all">
            <bdi>{shownText(jsonText(message.payload))}</bdi>
          </pre>
        </li>
      ))}
    </ol>
  );
}
