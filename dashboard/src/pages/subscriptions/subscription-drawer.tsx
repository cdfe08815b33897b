/** One durable subscription: where it stands, what may be wrong, and moving, pausing and ending it. */
import { type FormEvent, useState } from 'react';
import { ask } from '../../api/ask.js';
import { countText, durationText } from '../../api/texts.js';
import type { Subscription } from '../../api/views.js';
import { Button } from '../../components/button.js';
import { Facts } from '../../components/card.js';
import { Dialog } from '../../components/dialog.js';
import { SelectField, TextField } from '../../components/field.js';
import { Failure, Loading } from '../../components/notice.js';
import { useAnswer, useChange } from '../../hooks/use-answer.js';
import { useCaller } from '../../hooks/use-caller.js';
import { Doctor } from '../doctor/doctor.js';
import { SubscriptionState } from '../topics/topic-subscriptions.js';
import { WebhookSection } from './webhook.js';

interface DrawerProps {
  topic: string;
  name: string;
  onClose: () => void;
}

export function SubscriptionDrawer({ topic, name, onClose }: DrawerProps) {
  const { may } = useCaller();
  const place = `/api/subscriptions/${topic}/${name}`;
  const { data, error } = useAnswer<Subscription>(place, { everyMs: 1_000 });
  return (
    <Dialog shape="drawer" title={`${name} of ${topic}`} onClose={onClose}>
      {data === undefined && error === null ? <Loading /> : null}
      {error === null ? null : <Failure error={error} />}
      {data === undefined ? null : (
        <div className="space-y-6">
          <Where of={data} />
          <Doctor topic={topic} subscription={name} />
          {may('manage') ? <WebhookSection place={place} /> : null}
          {may('manage') ? <Moves {...{ place, of: data, onClose }} /> : null}
        </div>
      )}
    </Dialog>
  );
}

function Where({ of }: { of: Subscription }) {
  const head = of.ack_floor + of.lag;
  const settled = head === 0 ? 100 : (of.ack_floor / head) * 100;
  const flight = head === 0 ? 0 : (of.in_flight / head) * 100;
  return (
    <section className="space-y-3">
      <SubscriptionState of={of} />
      <div className="flex h-3 overflow-hidden rounded-full bg-raised" aria-hidden="true">
        <span className="bg-good" style={{ width: `${settled}%` }} />
        <span className="bg-warn" style={{ width: `${flight}%` }} />
      </div>
      <Facts
        facts={[
          ['Settled up to', countText(of.ack_floor)],
          ['Sent up to', countText(of.delivered)],
          ['Behind', countText(of.lag)],
          ['Not sent yet', countText(of.backlog)],
          ['In flight', countText(of.in_flight)],
          ['Parked', countText(of.parked)],
          [
            'Oldest unacked',
            of.oldest_unacked_ms === null ? 'none' : durationText(of.oldest_unacked_ms),
          ],
          ['Sessions', countText(of.sessions)],
          ['Attempts', `${of.max_deliver}, the first wait ${durationText(of.ack_wait_ms)}`],
          ['Order', of.ordering],
        ]}
      />
    </section>
  );
}

function Moves({ place, of, onClose }: { place: string; of: Subscription; onClose: () => void }) {
  const [typed, setTyped] = useState('');
  const turn = useChange((word: string) => ask<Subscription>(`POST ${place}/${word}`));
  const end = useChange(() => ask<void>(`DELETE ${place}`), onClose);
  const error = turn.error ?? end.error;
  return (
    <>
      <section className="space-y-3">
        <h3 className="font-semibold">Pause</h3>
        <p className="text-soft">A paused one keeps its place, and is sent nothing more.</p>
        <Button
          icon={of.paused ? 'playground' : 'pause'}
          disabled={turn.isPending}
          onClick={() => turn.mutate(of.paused ? 'resume' : 'pause')}
        >
          {of.paused ? 'Resume' : 'Pause'}
        </Button>
      </section>
      <Seek place={place} />
      <section className="space-y-3">
        <h3 className="font-semibold">End</h3>
        <form
          className="flex flex-wrap items-end gap-2"
          onSubmit={(event) => {
            event.preventDefault();
            end.mutate(undefined);
          }}
        >
          <div className="min-w-48 flex-1">
            <TextField
              label={`Type ${of.name} to go on`}
              mono="mono"
              value={typed}
              onChange={(event) => setTyped(event.target.value)}
            />
          </div>
          <Button
            type="submit"
            look="danger"
            icon="trash"
            disabled={typed !== of.name || end.isPending}
          >
            End it
          </Button>
        </form>
      </section>
      {error === null ? null : <Failure error={error} />}
    </>
  );
}

function Seek({ place }: { place: string }) {
  const [from, setFrom] = useState('sequence');
  const [value, setValue] = useState('');
  const seek = useChange((body: object) => ask<Subscription>(`POST ${place}/seek`, { body }));
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (from === 'sequence') seek.mutate({ sequence: Number(value) });
    else if (from === 'time') seek.mutate({ time: new Date(value).toISOString() });
    else seek.mutate({ from });
  };
  const isPlain = from === 'earliest' || from === 'latest';
  return (
    <section className="space-y-3">
      <h3 className="font-semibold">Go on elsewhere</h3>
      <form className="flex flex-wrap items-end gap-2" onSubmit={submit}>
        <div className="w-44">
          <SelectField label="From" value={from} onChange={(event) => setFrom(event.target.value)}>
            <option value="sequence">a sequence</option>
            <option value="time">a time</option>
            <option value="earliest">the oldest message</option>
            <option value="latest">what comes now</option>
          </SelectField>
        </div>
        {isPlain ? null : (
          <div className="min-w-44 flex-1">
            <TextField
              label={from === 'time' ? 'Time here' : 'Sequence'}
              type={from === 'time' ? 'datetime-local' : 'text'}
              inputMode={from === 'time' ? undefined : 'numeric'}
              required
              value={value}
              onChange={(event) => setValue(event.target.value)}
            />
          </div>
        )}
        <Button type="submit" disabled={seek.isPending}>
          {seek.isSuccess ? 'Moved' : 'Move'}
        </Button>
      </form>
      {seek.error === null ? null : <Failure error={seek.error} />}
    </section>
  );
}
