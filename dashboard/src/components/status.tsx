/** How something stands: an icon, a word and a colour, of which each alone would do. */
import type { ReactNode } from 'react';
import { Icon, type IconName } from './icon.js';

export type Tone = 'good' | 'warn' | 'bad' | 'idle' | 'live';

const TONES: Readonly<Record<Tone, { icon: IconName; look: string }>> = {
  good: { icon: 'check', look: 'bg-good-wash text-good' },
  live: { icon: 'dot', look: 'bg-accent-wash text-accent' },
  warn: { icon: 'warn', look: 'bg-warn-wash text-warn' },
  bad: { icon: 'stop', look: 'bg-bad-wash text-bad' },
  idle: { icon: 'clock', look: 'bg-raised text-soft' },
};

export function Status({ tone, children }: { tone: Tone; children: ReactNode }) {
  const { icon, look } = TONES[tone];
  return (
    <span
      className={`inline-flex items-center gap-1 rounded-full px-2 py-0.5 text-xs font-medium whitespace-nowrap ${look}`}
    >
      <Icon name={icon} className="size-3.5" />
      {children}
    </span>
  );
}
