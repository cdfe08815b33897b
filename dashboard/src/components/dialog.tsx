/**
 * Dialogs and drawers are the browser's own: it holds the focus inside, gives it back, and closes them by
 * Escape. Radix's modal ones put a <style> into the page, which the policy of this page does not let in.
 */
import { type ReactNode, useEffect, useRef } from 'react';
import { Button } from './button.js';

export interface DialogProps {
  title: ReactNode;
  onClose: () => void;
  children: ReactNode;
  /** At the bottom. */
  actions?: ReactNode;
  shape?: 'dialog' | 'drawer';
}

/** What is typed into, or chosen. */
const FIELDS = 'input:not([type=checkbox], [type=radio]), textarea, select';
const SHAPES = {
  dialog: 'w-[min(34rem,calc(100vw-2rem))] max-h-[calc(100dvh-2rem)] rounded-xl',
  drawer: 'mr-0 h-dvh max-h-dvh w-[min(46rem,100vw)] max-w-none rounded-none',
};

export function Dialog({ title, onClose, children, actions, shape = 'dialog' }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    const dialog = ref.current;
    dialog?.showModal();
    // The browser takes what stands first, which is what closes it.
    const field = shape === 'dialog' ? dialog?.querySelector<HTMLElement>(FIELDS) : null;
    (field ?? heading.current)?.focus();
    return () => dialog?.close();
  }, [shape]);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape is the dialog's own
    <dialog
      ref={ref}
      aria-labelledby="dialog-title"
      data-shape={shape}
      className={`flex flex-col border border-line bg-panel p-0 shadow-2xl ${SHAPES[shape]}`}
      onClose={onClose}
      onClick={(event) => {
        if (event.target === ref.current) onClose();
      }}
    >
      <header className="flex items-center justify-between gap-3 border-b border-line px-5 py-3">
        <h2
          ref={heading}
          id="dialog-title"
          tabIndex={-1}
          className="min-w-0 text-base font-semibold break-words outline-none"
        >
          {title}
        </h2>
        <Button look="quiet" icon="close" aria-label="Close" onClick={onClose} />
      </header>
      <div className="min-h-0 flex-1 overflow-y-auto p-5">{children}</div>
      {actions === undefined ? null : (
        <footer className="flex flex-wrap justify-end gap-2 border-t border-line px-5 py-3">
          {actions}
        </footer>
      )}
    </dialog>
  );
}
