/**
 * A key for a cookie. The key is sent once, in a header, and kept nowhere: scripts cannot read the cookie.
 */
import { useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { ApiError, ask } from '../api/ask.js';
import { Button } from '../components/button.js';
import { TextField } from '../components/field.js';

const SAID: Readonly<Record<string, string>> = {
  unauthorized: 'No key is like this one: it may be mistyped, revoked, or have ended.',
  login_rate: 'Too many tries from here. Wait a minute.',
};

export function Login() {
  const client = useQueryClient();
  const [key, setKey] = useState('');
  const [wrong, setWrong] = useState<string | null>(null);
  const [state, setState] = useState<'idle' | 'asking'>('idle');
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setState('asking');
    try {
      await ask('POST /api/session', { headers: { 'x-api-key': key.trim() } });
      setKey('');
      await client.resetQueries();
    } catch (error) {
      const code = error instanceof ApiError ? error.code : '';
      setWrong(SAID[code] ?? (error instanceof Error ? error.message : String(error)));
    }
    setState('idle');
  };
  return (
    <main className="grid min-h-dvh place-items-center p-4">
      <form
        className="w-full max-w-sm space-y-4 rounded-xl border border-line bg-panel p-6"
        onSubmit={(event) => void submit(event)}
      >
        <div>
          <h1 className="text-lg font-semibold">Log in to Conduit</h1>
          <p className="mt-1 text-sm text-soft">
            With an API key. An operator's (ADMIN_API_KEY) shows everything, a tenant's that
            tenant's part.
          </p>
        </div>
        <TextField
          label="API key"
          type="password"
          autoComplete="current-password"
          required
          value={key}
          wrong={wrong}
          onChange={(event) => {
            setKey(event.target.value);
            setWrong(null);
          }}
        />
        <Button
          type="submit"
          look="main"
          className="w-full"
          disabled={state === 'asking' || key === ''}
        >
          {state === 'asking' ? 'Looking it up' : 'Log in'}
        </Button>
        <p className="text-xs text-soft">
          The key is not kept. This browser gets a cookie that scripts cannot read.
        </p>
      </form>
    </main>
  );
}
