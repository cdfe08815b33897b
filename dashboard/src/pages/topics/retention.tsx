/** What a topic keeps. */
import { type FormEvent, useState } from 'react';
import { ask } from '../../api/ask.js';
import type { Topic } from '../../api/views.js';
import { Button } from '../../components/button.js';
import { Card } from '../../components/card.js';
import { TextField } from '../../components/field.js';
import { Failure } from '../../components/notice.js';
import { useChange } from '../../hooks/use-answer.js';
import { useCaller } from '../../hooks/use-caller.js';

const FIELDS = [
  { name: 'hours', label: 'Hours', hint: 'Empty: as long as RETENTION_HOURS says.' },
  { name: 'messages', label: 'Messages', hint: 'Empty: any number.' },
  { name: 'bytes', label: 'Bytes of payloads', hint: 'Empty: any number.' },
] as const;

type Texts = Record<(typeof FIELDS)[number]['name'], string>;

export function Retention({ topic }: { topic: Topic }) {
  const { may } = useCaller();
  const { hours, messages, bytes } = topic.retention;
  const [texts, setTexts] = useState<Texts>({
    hours: String(hours ?? ''),
    messages: String(messages ?? ''),
    bytes: String(bytes ?? ''),
  });
  const save = useChange((retention: object) =>
    ask<Topic>(`PATCH /api/topics/${topic.name}`, { body: { retention } }),
  );
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const entries = Object.entries(texts).map(([name, text]) => [
      name,
      text.trim() === '' ? null : Number(text),
    ]);
    save.mutate(Object.fromEntries(entries) as object);
  };
  return (
    <Card title="What it keeps">
      <form className="max-w-2xl space-y-4" onSubmit={submit}>
        <p className="text-soft">
          The first bound that is reached counts. Messages that go before they were acknowledged are
          told as a gap.
        </p>
        <div className="grid gap-4 sm:grid-cols-3">
          {FIELDS.map(({ name, label, hint }) => (
            <TextField
              key={name}
              label={label}
              hint={hint}
              inputMode="numeric"
              disabled={!may('manage')}
              value={texts[name]}
              onChange={(event) => setTexts({ ...texts, [name]: event.target.value })}
            />
          ))}
        </div>
        {save.error === null ? null : <Failure error={save.error} />}
        {may('manage') ? (
          <Button type="submit" look="main" disabled={save.isPending}>
            {save.isSuccess ? 'Saved' : 'Save'}
          </Button>
        ) : null}
      </form>
    </Card>
  );
}
