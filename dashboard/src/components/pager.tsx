/** Goes through the pages of a list that the server has cut: `after` of each page that was left is kept. */
import { Button } from './button.js';

export interface PagerProps {
  /** Whether a page is before this one. */
  back: (() => void) | null;
  next: (() => void) | null;
  children?: string;
}

export function Pager({ back, next, children = '' }: PagerProps) {
  if (back === null && next === null) return null;
  return (
    <nav
      aria-label="Pages"
      className="flex items-center justify-between gap-2 border-t border-line px-4 py-2"
    >
      <Button icon="left" disabled={back === null} onClick={back ?? undefined}>
        Back
      </Button>
      <span className="text-xs text-soft">{children}</span>
      <Button disabled={next === null} onClick={next ?? undefined}>
        Next
      </Button>
    </nav>
  );
}
