/** A panel with a heading, what stands beside it, and content. */
import type { ReactNode } from 'react';

export interface CardProps {
  title: ReactNode;
  /** Beside the heading. */
  aside?: ReactNode;
  children: ReactNode;
  className?: string;
  /** Content that brings its own margins, as tables do. */
  bleed?: 'bleed';
}

export function Card({ title, aside, children, className = '', bleed }: CardProps) {
  return (
    <section className={`min-w-0 rounded-lg border border-line bg-panel ${className}`}>
      <header className="flex min-h-11 flex-wrap items-center justify-between gap-x-3 gap-y-1 border-b border-line px-4 py-2">
        <h2 className="text-sm font-semibold">{title}</h2>
        {aside === undefined ? null : <div className="text-xs text-soft">{aside}</div>}
      </header>
      <div className={bleed === undefined ? 'p-4' : ''}>{children}</div>
    </section>
  );
}

export interface PageHeadProps {
  title: ReactNode;
  /** A sentence. */
  text?: ReactNode;
  actions?: ReactNode;
}

export function PageHead({ title, text, actions }: PageHeadProps) {
  return (
    <div className="mb-5 flex flex-wrap items-end justify-between gap-3">
      <div className="min-w-0">
        <h1 className="text-xl font-semibold tracking-tight break-all">{title}</h1>
        {text === undefined ? null : <p className="mt-0.5 text-soft">{text}</p>}
      </div>
      {actions === undefined ? null : (
        <div className="flex flex-wrap items-center gap-2">{actions}</div>
      )}
    </div>
  );
}

/** Names and values, as a list of definitions. */
export function Facts({
  facts,
}: {
  facts: readonly (readonly [name: string, value: ReactNode])[];
}) {
  return (
    <dl className="grid grid-cols-[minmax(6rem,auto)_1fr] items-baseline gap-x-4 gap-y-1.5 text-sm">
      {facts.map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="text-soft">{name}</dt>
          <dd className="min-w-0 break-words">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
