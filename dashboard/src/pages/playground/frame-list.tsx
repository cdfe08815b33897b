/** Frames as they went over the wire, the newest first; one of them in hexadecimal. */
import { useState } from 'react';
import { clockText } from '../../api/texts.js';
import { CodeBlock } from '../../components/copy-button.js';
import { Empty } from '../../components/notice.js';
import { hexText } from '../messages/hex-text.js';
import { shownText } from '../messages/message-columns.js';

export interface SeenFrame {
  number: number;
  way: 'in' | 'out';
  text: string;
  /** As they went over the wire, joined with those of the same message; null: those of the text. */
  bytes: Uint8Array | null;
  /** Unix ms. */
  at: number;
}

const CHARS_MAX = 2_000;

export function FrameList({ frames }: { frames: readonly SeenFrame[] }) {
  const [open, setOpen] = useState(0);
  if (frames.length === 0) return <Empty icon="subscriptions" title="No frames yet" />;
  return (
    <ol className="max-h-120 space-y-1 overflow-y-auto">
      {frames.map(({ number, way, text, bytes, at }) => (
        <li key={number} className="rounded-md border border-line bg-page">
          <button
            type="button"
            aria-expanded={open === number}
            className="flex w-full items-start gap-3 px-3 py-1.5 text-left hover:bg-raised"
            onClick={() => setOpen(open === number ? 0 : number)}
          >
            <span className={`text-xs font-semibold ${way === 'in' ? 'text-accent' : 'text-warn'}`}>
              {way === 'in' ? '← in' : '→ out'}
            </span>
            <span className="text-xs text-soft">{clockText(at)}</span>
            <bdi className="min-w-0 flex-1 truncate font-mono text-xs">
              {shownText(text.slice(0, 200))}
            </bdi>
          </button>
          {open === number ? (
            <div className="space-y-2 p-3 pt-0">
              <CodeBlock label="Text" text={shownText(text.slice(0, CHARS_MAX))} />
              <CodeBlock label="Bytes" text={hexText(bytes ?? new TextEncoder().encode(text))} />
            </div>
          ) : null}
        </li>
      ))}
    </ol>
  );
}
