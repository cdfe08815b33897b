/**
 * A key for a cookie. The key is sent once, in a header, and kept nowhere: scripts cannot read the cookie.
 * A login that ends while a page is open is renewed over the page, which keeps what was typed.
 */
import { useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { ApiError, ask } from '../api/ask.js';
import type { Caller } from '../api/views.js';
import { Button } from '../components/button.js';
import { TextField } from '../components/field.js';
import { CALLER_TARGET, isAlike } from '../hooks/use-caller.js';

const SAID: Readonly<Record<string, string>> = {
  unauthorized: 'No key is like this one: it may be mistyped, revoked, or have ended.',
  login_rate: 'Too many tries from here. Wait a minute.',
};

export function Login() {
  const client = useQueryClient();
  return (
    <main className="grid min-h-dvh place-items-center p-4">
      <div className="w-full max-w-sm rounded-xl border border-line bg-panel p-6">
        <h1 className="text-lg font-semibold">Log in to Conduit</h1>
        <p className="mt-1 mb-4 text-sm text-soft">
          With an API key. An operator's (ADMIN_API_KEY) shows everything, a tenant's that tenant's
          part.
        </p>
        <KeyForm onDone={() => client.resetQueries()} />
      </div>
    </main>
  );
}

/** Over the page. It cannot be closed: nothing behind it would work. `was`: who was logged in. */
export function LoginAgain({ was }: { was: Caller }) {
  const client = useQueryClient();
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => ref.current?.showModal(), []);
  const goOn = async (): Promise<void> => {
    const now = await ask<Caller>(`GET ${CALLER_TARGET}`);
    // What stands in the page was another's to see.
    if (isAlike(was, now)) await client.invalidateQueries();
    else location.reload();
  };
  return (
    <dialog
      ref={ref}
      aria-labelledby="login-again"
      className="w-[min(24rem,calc(100vw-2rem))] rounded-xl border border-line bg-panel p-6 shadow-2xl"
      onCancel={(event) => event.preventDefault()}
      onClose={() => ref.current?.showModal()}
    >
      <h2 id="login-again" className="text-lg font-semibold">
        Your login has ended
      </h2>
      <p className="mt-1 mb-4 text-sm text-soft">
        Its time is over, or its key was revoked. Log in again, and this page goes on as it is:
        nothing that you typed is lost. With a key of another kind it begins anew.
      </p>
      <KeyForm onDone={goOn} />
    </dialog>
  );
}

/** `onDone`: what is done as whoever is logged in now. */
function KeyForm({ onDone }: { onDone: () => Promise<unknown> }) {
  const [key, setKey] = useState('');
  const [wrong, setWrong] = useState<string | null>(null);
  const [state, setState] = useState<'idle' | 'asking'>('idle');
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setState('asking');
    try {
      await ask('POST /api/session', { headers: { 'x-api-key': key.trim() } });
      setKey('');
      await onDone();
    } catch (error) {
      const code = error instanceof ApiError ? error.code : '';
      setWrong(SAID[code] ?? (error instanceof Error ? error.message : String(error)));
    }
    setState('idle');
  };
  return (
    <form className="space-y-4" onSubmit={(event) => void submit(event)}>
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
  );
}
