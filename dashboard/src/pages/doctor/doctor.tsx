/** "Why isn't it arriving?": asks for whom, and says what stands in the way. */
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import type { SubscriptionPage } from '../../api/views.js';
import { Button } from '../../components/button.js';
import { Card } from '../../components/card.js';
import { SelectField, TextField } from '../../components/field.js';
import { Icon } from '../../components/icon.js';
import { Failure } from '../../components/notice.js';
import { useAnswer } from '../../hooks/use-answer.js';
import { useCaller } from '../../hooks/use-caller.js';
import { diagnose, type Finding, type Suspect } from './diagnosis.js';

export interface DoctorProps {
  topic: string;
  /** Absent: it is asked for. */
  subscription?: string;
}

export function Doctor({ topic, subscription }: DoctorProps) {
  const { caller, may } = useCaller();
  const [name, setName] = useState(subscription ?? '');
  const [keyId, setKeyId] = useState('');
  const look = useMutation<Finding[], Error, Suspect>({ mutationFn: diagnose });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (caller !== null) look.mutate({ topic, subscription: name, keyId: keyId.trim(), caller });
  };
  return (
    <Card title="Why isn’t it arriving?">
      <form className="flex flex-wrap items-end gap-3" onSubmit={submit}>
        {subscription === undefined ? <Names topic={topic} name={name} setName={setName} /> : null}
        {caller?.auth === 'on' && (may('manage') || may('operate')) ? (
          <div className="min-w-48 flex-1">
            <TextField
              label="Id of the subscriber’s key"
              mono="mono"
              placeholder="yours"
              value={keyId}
              onChange={(event) => setKeyId(event.target.value)}
            />
          </div>
        ) : null}
        <Button type="submit" look="main" icon="search" disabled={look.isPending}>
          {look.isPending ? 'Looking' : 'Look'}
        </Button>
      </form>
      {look.error === null ? null : <Failure error={look.error} />}
      {look.data === undefined ? null : <Findings findings={look.data} />}
    </Card>
  );
}

interface NamesProps {
  topic: string;
  name: string;
  setName: (name: string) => void;
}

function Names({ topic, name, setName }: NamesProps) {
  const target = `/api/subscriptions?topic=${encodeURIComponent(topic)}&limit=100`;
  const { data } = useAnswer<SubscriptionPage>(target);
  return (
    <div className="min-w-48 flex-1">
      <SelectField label="For" value={name} onChange={(event) => setName(event.target.value)}>
        <option value="">a subscription without a name</option>
        {data?.subscriptions.map((one) => (
          <option key={one.name} value={one.name}>
            {one.name}
          </option>
        ))}
      </SelectField>
    </div>
  );
}

function Findings({ findings }: { findings: readonly Finding[] }) {
  return (
    <ol className="mt-4 space-y-2" aria-live="polite">
      {findings.map(({ step, state, text, advice }) => (
        <li
          key={step}
          className={`flex gap-3 rounded-md border px-3 py-2 ${state === 'failed' ? 'border-bad/60 bg-bad-wash' : 'border-line'}`}
        >
          <span className={`mt-0.5 ${state === 'failed' ? 'text-bad' : 'text-good'}`}>
            <Icon name={state === 'failed' ? 'stop' : 'check'} />
          </span>
          <div className="min-w-0">
            <p className="font-medium">
              {step}
              <span className="sr-only">{state === 'failed' ? ': no' : ': yes'}</span>
            </p>
            <p className={`text-sm break-words ${state === 'failed' ? 'text-ink' : 'text-soft'}`}>
              {text}
            </p>
            {advice === '' ? null : <p className="mt-1 text-sm font-medium">{advice}</p>}
          </div>
        </li>
      ))}
    </ol>
  );
}
