/** A key is made, shown once, changed for another, and revoked. */
import { type FormEvent, useState } from 'react';
import { ask } from '../../api/ask.js';
import type { ApiKey, ShownKey } from '../../api/views.js';
import { Button } from '../../components/button.js';
import { CodeBlock } from '../../components/copy-button.js';
import { Dialog } from '../../components/dialog.js';
import { CheckField, SelectField, TextField } from '../../components/field.js';
import { FormEnd } from '../../components/form-end.js';
import { Failure } from '../../components/notice.js';
import { useChange } from '../../hooks/use-answer.js';
import { useCaller } from '../../hooks/use-caller.js';

const SCOPES = [
  { scope: 'publish', text: 'publish messages' },
  { scope: 'subscribe', text: 'subscribe and read' },
  { scope: 'manage', text: 'manage topics, subscriptions, keys' },
  { scope: 'operate', text: 'operate all tenants' },
] as const;

interface MadeProps {
  onClose: () => void;
  onMade: (shown: ShownKey) => void;
}

export function NewKey({ onClose, onMade, tenant: of }: MadeProps & { tenant: string }) {
  const { caller, may } = useCaller();
  const [tenant, setTenant] = useState(of || (caller?.tenant ?? ''));
  const [scopes, setScopes] = useState<readonly string[]>(['publish', 'subscribe']);
  const [topics, setTopics] = useState('');
  const [days, setDays] = useState('');
  const make = useChange((body: object) => ask<ShownKey>('POST /api/keys', { body }), onMade);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const patterns = topics.split(/[\s,]+/).filter((one) => one !== '');
    const end = Number(days);
    make.mutate({
      ...(may('operate') && tenant !== '' ? { tenant } : {}),
      scopes,
      ...(patterns.length === 0 ? {} : { topics: patterns }),
      ...(end > 0 ? { expires_at: new Date(Date.now() + end * 86_400_000).toISOString() } : {}),
    });
  };
  return (
    <Dialog title="New API key" onClose={onClose}>
      <form className="space-y-4" onSubmit={submit}>
        {may('operate') ? (
          <TextField
            label="Tenant"
            value={tenant}
            onChange={(event) => setTenant(event.target.value)}
          />
        ) : null}
        <fieldset>
          <legend className="mb-1 text-xs font-medium text-soft">Good for</legend>
          {SCOPES.filter(({ scope }) => may(scope)).map(({ scope, text }) => (
            <div key={scope}>
              <CheckField
                label={`${scope}: ${text}`}
                checked={scopes.includes(scope)}
                onChange={({ target }) =>
                  setScopes(
                    target.checked ? [...scopes, scope] : scopes.filter((one) => one !== scope),
                  )
                }
              />
            </div>
          ))}
        </fieldset>
        <TextField
          label="Topics"
          mono="mono"
          placeholder="orders.*, payments.settled"
          hint="Names, and NAME.* for all below one; empty: all topics."
          value={topics}
          onChange={(event) => setTopics(event.target.value)}
        />
        <TextField
          label="Ends in days"
          inputMode="numeric"
          hint="Empty: it does not end."
          value={days}
          onChange={(event) => setDays(event.target.value)}
        />
        <FormEnd error={make.error} onClose={onClose}>
          <Button type="submit" look="main" disabled={make.isPending || scopes.length === 0}>
            Make it
          </Button>
        </FormEnd>
      </form>
    </Dialog>
  );
}

export function KeyShown({ shown, onClose }: { shown: ShownKey; onClose: () => void }) {
  const [isSaved, setSaved] = useState(false);
  return (
    <Dialog
      title="The key, this once"
      onClose={onClose}
      actions={
        <Button look="main" disabled={!isSaved} onClick={onClose}>
          Done
        </Button>
      }
    >
      <div className="space-y-4">
        <p>Nobody can show it again: what the node keeps is a digest of it.</p>
        <CodeBlock label={`Key ${shown.id} of ${shown.tenant}`} text={shown.key} />
        <CheckField
          label="I saved it"
          checked={isSaved}
          onChange={({ target }) => setSaved(target.checked)}
        />
      </div>
    </Dialog>
  );
}

export function RotateKey({ of, onClose, onMade }: MadeProps & { of: ApiKey }) {
  const [overlap, setOverlap] = useState('3600');
  const rotate = useChange(
    () => ask<ShownKey>(`POST /api/keys/${of.id}/rotate`, { body: { overlap_s: Number(overlap) } }),
    onMade,
  );
  return (
    <Dialog
      title="Change a key for another"
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="main" disabled={rotate.isPending} onClick={() => rotate.mutate(undefined)}>
            Make the other one
          </Button>
        </>
      }
    >
      <div className="space-y-4">
        <p>
          The new one is good for the same. The old one, {of.id}, goes on for a while, so that
          nothing stops.
        </p>
        <SelectField
          label="The old one ends"
          value={overlap}
          onChange={(event) => setOverlap(event.target.value)}
        >
          <option value="0">at once</option>
          <option value="3600">in an hour</option>
          <option value="86400">in a day</option>
          <option value="604800">in a week</option>
        </SelectField>
        {rotate.error === null ? null : <Failure error={rotate.error} />}
      </div>
    </Dialog>
  );
}

export function RevokeKey({ of, onClose }: { of: ApiKey; onClose: () => void }) {
  const end = useChange(() => ask<void>(`DELETE /api/keys/${of.id}`), onClose);
  return (
    <Dialog
      title="Revoke a key"
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="danger" disabled={end.isPending} onClick={() => end.mutate(undefined)}>
            Revoke {of.id}
          </Button>
        </>
      }
    >
      <p>
        Within a second no node takes it any more, and what has it open is closed. To change it
        without a stop, rotate it.
      </p>
      {end.error === null ? null : <Failure error={end.error} />}
    </Dialog>
  );
}
