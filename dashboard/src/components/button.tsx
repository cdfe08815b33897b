/** What is pressed. All are 28 pixels high at least. */
import type { ButtonHTMLAttributes } from 'react';
import { Icon, type IconName } from './icon.js';

const LOOKS = {
  main: 'bg-accent text-accent-ink border-transparent hover:opacity-90',
  plain: 'bg-panel text-ink border-edge/60 hover:bg-raised',
  quiet: 'bg-transparent text-soft border-transparent hover:bg-raised hover:text-ink',
  danger: 'bg-panel text-bad border-bad/60 hover:bg-bad-wash',
} as const;

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: keyof typeof LOOKS;
  icon?: IconName;
}

export const BUTTON =
  'inline-flex min-h-8 items-center justify-center gap-1.5 rounded-md border px-3 py-1 text-sm font-medium whitespace-nowrap disabled:cursor-not-allowed disabled:opacity-50';

export function buttonClass(look: keyof typeof LOOKS): string {
  return `${BUTTON} ${LOOKS[look]}`;
}

export function Button({ look = 'plain', icon, className = '', children, ...rest }: ButtonProps) {
  const isBare = children === undefined;
  return (
    <button
      type="button"
      className={`${buttonClass(look)} ${isBare ? 'px-2' : ''} ${className}`}
      {...rest}
    >
      {icon === undefined ? null : <Icon name={icon} />}
      {children}
    </button>
  );
}
