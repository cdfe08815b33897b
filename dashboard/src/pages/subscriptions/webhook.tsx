/** Where a subscription's messages are sent over HTTP: set, changed, another secret, its end. */
import { type FormEvent, useState } from 'react';
import { ApiError, ask } from '../../api/ask.js';
import { durationText, ofMany } from '../../api/texts.js';
import type { Webhook } from '../../api/views.js';
import { Button } from '../../components/button.js';
import { Facts } from '../../components/card.js';
import { CodeBlock } from '../../components/copy-button.js';
import { CheckField, SelectField, TextField } from '../../components/field.js';
import { Banner, Failure, Loading } from '../../components/notice.js';
import { Status } from '../../components/status.js';
import { TimeText } from '../../components/time-text.js';
import { useAnswer, useChange } from '../../hooks/use-answer.js';

/** What a PUT says; what is left out has the default of the node. */
interface Change {
  url: string;
  concurrency?: number;
  timeout_ms?: number;
  format?: Webhook['format'];
  secret?: 'new';
  overlap_s?: number;
}

/** Each of these has its error beside it. */
const FIELDS = ['url', 'concurrency', 'timeout_ms', 'overlap_s'] as const;

export function WebhookSection({ place }: { place: string }) {
  const target = `${place}/webhook`;
  const [isEdited, setEdited] = useState(false);
  const [secret, setSecret] = useState<string | null>(null);
  const { data, error } = useAnswer<Webhook | null>(target, {
    ...{ everyMs: 5_000, noneAs: 'webhook_not_found' },
  });
  const put = useChange(
    (body: Change) => ask<Webhook>(`PUT ${target}`, { body }),
    (made) => {
      setEdited(false);
      setSecret(made.secret ?? null);
    },
  );
  const end = useChange(() => ask<void>(`DELETE ${target}`));
  const webhook = data ?? null;
  const failed = put.error ?? end.error;
  return (
    <section className="space-y-3" aria-label="Webhook">
      <h3 className="flex items-center gap-2 font-semibold">
        Webhook
        {webhook === null ? null : <WebhookState of={webhook} />}
      </h3>
      {data === undefined && error === null ? <Loading rows={2} /> : null}
      {error === null ? null : <Failure error={error} />}
      {secret === null ? null : <Secret secret={secret} onDone={() => setSecret(null)} />}
      {data === null || isEdited ? (
        <WebhookForm
          of={webhook}
          failed={put.error}
          isPending={put.isPending}
          onPut={(body) => put.mutate(body)}
          onCancel={webhook === null ? null : () => setEdited(false)}
        />
      ) : null}
      {webhook === null || isEdited ? null : (
        <WebhookShown
          of={webhook}
          isPending={put.isPending || end.isPending}
          onPut={(body) => put.mutate(body)}
          onEdit={() => {
            put.reset();
            setEdited(true);
          }}
          onEnd={() => end.mutate(undefined)}
        />
      )}
      {failed === null || fieldOf(failed) !== null ? null : <Failure error={failed} />}
    </section>
  );
}

function fieldOf(error: Error | null): string | null {
  const field = error instanceof ApiError ? error.field : null;
  return FIELDS.find((one) => one === field) ?? null;
}

function WebhookState({ of }: { of: Webhook }) {
  return of.state === 'active' ? (
    <Status tone="good">active</Status>
  ) : (
    <Status tone="bad">disabled</Status>
  );
}

interface ShownProps {
  of: Webhook;
  isPending: boolean;
  onPut: (body: Change) => void;
  onEdit: () => void;
  onEnd: () => void;
}

function WebhookShown({ of, isPending, onPut, onEdit, onEnd }: ShownProps) {
  const [overlap, setOverlap] = useState('86400');
  const [isEnding, setEnding] = useState(false);
  const { url, concurrency, timeout_ms, format } = of;
  const same = { url, concurrency, timeout_ms, format };
  const ends = of.secrets.flatMap(({ expires_at: at }) => (at === null ? [] : [at]));
  return (
    <>
      {of.state === 'active' ? null : (
        <Banner tone="warn">
          The endpoint answered 410 Gone, and is sent nothing more
          {of.disabled_at === null ? null : (
            <>
              {' '}
              since <TimeText time={of.disabled_at} />
            </>
          )}
          . The messages wait.{' '}
          <Button disabled={isPending} onClick={() => onPut(same)}>
            Send again
          </Button>
        </Banner>
      )}
      <Facts
        facts={[
          [
            'Sent to',
            <bdi key="url" className="font-mono text-xs break-all">
              {url}
            </bdi>,
          ],
          ['At once', ofMany(concurrency, 'request')],
          ['Answer within', durationText(timeout_ms)],
          ['Sent as', format === 'cloudevents' ? 'a CloudEvent' : 'the payload'],
          ['Signed with', ofMany(of.secrets.length, 'secret')],
          ...ends.map((at) => ['The old one ends', at] as const),
        ]}
      />
      <div className="flex flex-wrap items-end gap-2">
        <Button onClick={onEdit}>Change</Button>
        <div className="w-36">
          <SelectField
            label="The old secret ends"
            value={overlap}
            onChange={(event) => setOverlap(event.target.value)}
          >
            <option value="0">at once</option>
            <option value="3600">in an hour</option>
            <option value="86400">in a day</option>
            <option value="604800">in a week</option>
          </SelectField>
        </div>
        <Button
          icon="retry"
          disabled={isPending}
          onClick={() => onPut({ ...same, secret: 'new', overlap_s: Number(overlap) })}
        >
          Make another secret
        </Button>
        {isEnding ? (
          <Button look="danger" icon="trash" disabled={isPending} onClick={onEnd}>
            Remove it: the subscription stays
          </Button>
        ) : (
          <Button look="danger" icon="trash" onClick={() => setEnding(true)}>
            Remove
          </Button>
        )}
      </div>
    </>
  );
}

interface FormProps {
  /** null: there is none yet. */
  of: Webhook | null;
  failed: Error | null;
  isPending: boolean;
  onPut: (body: Change) => void;
  onCancel: (() => void) | null;
}

function WebhookForm({ of, failed, isPending, onPut, onCancel }: FormProps) {
  const [url, setUrl] = useState(of?.url ?? '');
  const [concurrency, setConcurrency] = useState(of === null ? '' : String(of.concurrency));
  const [timeout, setTimeoutMs] = useState(of === null ? '' : String(of.timeout_ms));
  const [format, setFormat] = useState<Webhook['format']>(of?.format ?? 'payload');
  const wrong = (field: string): string | null =>
    failed !== null && fieldOf(failed) === field ? failed.message : null;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    onPut({
      ...{ url, format },
      ...(concurrency === '' ? {} : { concurrency: Number(concurrency) }),
      ...(timeout === '' ? {} : { timeout_ms: Number(timeout) }),
    });
  };
  return (
    <form className="space-y-3" onSubmit={submit}>
      {of === null ? (
        <p className="text-soft">
          None. With one, each message is sent to it as a signed POST, and its answer is the
          verdict.
        </p>
      ) : null}
      <TextField
        label="Address"
        mono="mono"
        placeholder="https://example.com/hook"
        required
        value={url}
        wrong={wrong('url')}
        onChange={(event) => setUrl(event.target.value)}
      />
      <div className="grid gap-3 sm:grid-cols-2">
        <TextField
          label="Requests at once"
          inputMode="numeric"
          pattern="[0-9]*"
          placeholder="8"
          value={concurrency}
          wrong={wrong('concurrency')}
          onChange={(event) => setConcurrency(event.target.value)}
        />
        <TextField
          label="Answer within, ms"
          inputMode="numeric"
          pattern="[0-9]*"
          placeholder="10000"
          value={timeout}
          wrong={wrong('timeout_ms')}
          onChange={(event) => setTimeoutMs(event.target.value)}
        />
        <SelectField
          label="Sent as"
          value={format}
          onChange={({ target }) =>
            setFormat(target.value === 'payload' ? 'payload' : 'cloudevents')
          }
        >
          <option value="payload">the payload</option>
          <option value="cloudevents">a CloudEvent</option>
        </SelectField>
      </div>
      <div className="flex gap-2">
        <Button type="submit" look="main" disabled={isPending || url === ''}>
          {of === null ? 'Set the webhook' : 'Save'}
        </Button>
        {onCancel === null ? null : <Button onClick={onCancel}>Cancel</Button>}
      </div>
    </form>
  );
}

function Secret({ secret, onDone }: { secret: string; onDone: () => void }) {
  const [isSaved, setSaved] = useState(false);
  return (
    <div className="space-y-3 rounded-md border border-warn/50 bg-warn-wash p-3">
      <p>The secret to check signatures with, this once: nobody can show it again.</p>
      <CodeBlock label="Secret" text={secret} />
      <div className="flex items-center gap-3">
        <CheckField
          label="I saved it"
          checked={isSaved}
          onChange={({ target }) => setSaved(target.checked)}
        />
        <Button look="main" disabled={!isSaved} onClick={onDone}>
          Done
        </Button>
      </div>
    </div>
  );
}
