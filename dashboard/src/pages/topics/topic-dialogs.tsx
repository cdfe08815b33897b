/** A topic is made, and ended. The end is typed, since nothing brings its messages back. */
import { type FormEvent, useState } from 'react';
import { useLocation } from 'wouter';
import { ask } from '../../api/ask.js';
import { countText, ofMany } from '../../api/texts.js';
import type { Topic } from '../../api/views.js';
import { Button } from '../../components/button.js';
import { Dialog } from '../../components/dialog.js';
import { TextField } from '../../components/field.js';
import { FormEnd } from '../../components/form-end.js';
import { useChange } from '../../hooks/use-answer.js';

function numberOf(text: string): number | null {
  return text.trim() === '' ? null : Number(text);
}

export function NewTopic({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState('');
  const [hours, setHours] = useState('');
  const [messages, setMessages] = useState('');
  const [, go] = useLocation();
  const create = useChange(
    (body: object) => ask<Topic>('POST /api/topics', { body }),
    (made) => {
      onClose();
      go(`/topics/${made.name}`);
    },
  );
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    create.mutate({
      name: name.trim(),
      retention: { hours: numberOf(hours), messages: numberOf(messages) },
    });
  };
  return (
    <Dialog title="New topic" onClose={onClose}>
      <form className="space-y-4" onSubmit={submit}>
        <TextField
          label="Name"
          mono="mono"
          required
          placeholder="orders.created"
          hint="Letters, digits, _ : - and single dots between."
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <div className="grid gap-4 sm:grid-cols-2">
          <TextField
            label="Keep for hours"
            inputMode="numeric"
            hint="Empty: as long as the node says."
            value={hours}
            onChange={(event) => setHours(event.target.value)}
          />
          <TextField
            label="Keep at most messages"
            inputMode="numeric"
            hint="Empty: any number."
            value={messages}
            onChange={(event) => setMessages(event.target.value)}
          />
        </div>
        <FormEnd error={create.error} onClose={onClose}>
          <Button type="submit" look="main" disabled={create.isPending || name === ''}>
            Create
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}

export function TopicEnd({ topic, onClose }: { topic: Topic; onClose: () => void }) {
  const [typed, setTyped] = useState('');
  const [path, go] = useLocation();
  const end = useChange(
    () => ask<void>(`DELETE /api/topics/${topic.name}`),
    () => {
      onClose();
      if (path !== '/topics') go('/topics');
    },
  );
  return (
    <Dialog title={`Delete ${topic.name}`} onClose={onClose}>
      <form
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault();
          end.mutate(undefined);
        }}
      >
        <p>
          {ofMany(topic.message_count, 'message')} and all subscriptions go with it, and{' '}
          {ofMany(topic.subscriber_count, 'subscriber')}{' '}
          {topic.subscriber_count === 1 ? 'is' : 'are'} told so. Nothing brings them back.
        </p>
        <TextField
          label={`Type ${topic.name} to go on`}
          mono="mono"
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
        />
        <FormEnd error={end.error} onClose={onClose}>
          <Button type="submit" look="danger" disabled={end.isPending || typed !== topic.name}>
            Delete {countText(topic.message_count)} messages
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}
