/** Puts a text into the clipboard, and says so. */
import { useEffect, useState } from 'react';
import { Button } from './button.js';

export function CopyButton({ text, label = 'Copy' }: { text: string; label?: string }) {
  const [state, setState] = useState<'idle' | 'copied' | 'refused'>('idle');
  useEffect(() => {
    if (state === 'idle') return;
    const timer = setTimeout(() => setState('idle'), 2_000);
    return () => clearTimeout(timer);
  }, [state]);
  const copy = (): void => {
    const written = navigator.clipboard?.writeText(text) ?? Promise.reject(new Error('insecure'));
    written.then(
      () => setState('copied'),
      () => setState('refused'),
    );
  };
  const words = { idle: label, copied: 'Copied', refused: 'Select it by hand' };
  return (
    <Button look="quiet" icon={state === 'copied' ? 'check' : 'copy'} onClick={copy}>
      <span aria-live="polite">{words[state]}</span>
    </Button>
  );
}

/** Text to be copied, as it is. */
export function CodeBlock({ text, label }: { text: string; label: string }) {
  return (
    <div className="min-w-0 rounded-md border border-line bg-page">
      <div className="flex items-center justify-between border-b border-line pl-3 text-xs text-soft">
        {label}
        <CopyButton text={text} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keys */}
      <pre className="overflow-x-auto p-3 font-mono text-xs leading-relaxed" tabIndex={0}>
        {text}
      </pre>
    </div>
  );
}
