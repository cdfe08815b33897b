/** What stands in the place of content: nothing there, still to come, or failed. */
import type { ReactNode } from 'react';
import { ApiError } from '../api/ask.js';
import { Button } from './button.js';
import { Icon, type IconName } from './icon.js';

export interface EmptyProps {
  icon: IconName;
  title: string;
  children?: ReactNode;
}

export function Empty({ icon, title, children }: EmptyProps) {
  return (
    <div className="flex flex-col items-center gap-2 px-6 py-10 text-center">
      <span className="rounded-full bg-raised p-3 text-soft">
        <Icon name={icon} className="size-6" />
      </span>
      <p className="font-medium">{title}</p>
      {children === undefined ? null : <div className="max-w-prose text-soft">{children}</div>}
    </div>
  );
}

export function Loading({ rows = 4 }: { rows?: number }) {
  return (
    <div role="status" className="space-y-2.5 p-4">
      <span className="sr-only">Loading</span>
      {Array.from({ length: rows }, (_, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: they are all the same
        <div key={row} className="beat h-5 rounded bg-raised" />
      ))}
    </div>
  );
}

const ADVICE: Readonly<Record<string, string>> = {
  unreachable: 'Nothing you typed is lost. This page goes on by itself once the node is back.',
  forbidden: 'The key that you logged in with is not for this.',
  log_unavailable: 'The database is away; the node tries again by itself.',
};

export function Failure({ error, retry }: { error: unknown; retry?: () => void }) {
  const known = error instanceof ApiError ? error : null;
  const text = error instanceof Error ? error.message : String(error);
  return (
    <div role="alert" className="m-4 rounded-md border border-bad/50 bg-bad-wash p-4">
      <p className="flex items-center gap-2 font-medium text-bad">
        <Icon name="warn" />
        {text}
      </p>
      <p className="mt-1 text-sm text-ink">{ADVICE[known?.code ?? ''] ?? ''}</p>
      <p className="mt-1 font-mono text-xs break-all text-ink">
        {known === null ? '' : known.code}
        {known?.requestId == null ? '' : ` · request ${known.requestId}`}
      </p>
      {retry === undefined ? null : (
        <Button className="mt-3" icon="retry" onClick={retry}>
          Try again
        </Button>
      )}
    </div>
  );
}

/** A line above content that explains it. */
export function Banner({ tone, children }: { tone: 'warn' | 'info'; children: ReactNode }) {
  const look = tone === 'warn' ? 'border-warn/50 bg-warn-wash' : 'border-line bg-raised';
  return (
    <div className={`mb-4 flex items-start gap-2 rounded-md border px-3 py-2 text-sm ${look}`}>
      <span className={tone === 'warn' ? 'mt-0.5 text-warn' : 'mt-0.5 text-soft'}>
        <Icon name={tone === 'warn' ? 'warn' : 'help'} />
      </span>
      <div className="min-w-0">{children}</div>
    </div>
  );
}
