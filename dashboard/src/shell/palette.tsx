/** Goes where it is told: to a page, or to a topic whose name begins with what is typed. */
import { type KeyboardEvent, useId, useState } from 'react';
import { useLocation } from 'wouter';
import { withQuery } from '../api/ask.js';
import type { TopicPage } from '../api/views.js';
import { Dialog } from '../components/dialog.js';
import { Icon, type IconName } from '../components/icon.js';
import { useAnswer } from '../hooks/use-answer.js';
import { usePlaces } from './navigation.js';

interface Target {
  name: string;
  path: string;
  icon: IconName;
}

const TOPICS_MAX = 8;

function useTargets(typed: string): Target[] {
  const places = usePlaces();
  const query = { prefix: typed, limit: TOPICS_MAX };
  const isAsked = /^[\w:.-]+$/.test(typed);
  const { data } = useAnswer<TopicPage>(withQuery('/api/topics', query), { everyMs: 0, isAsked });
  const fits = places.filter(({ name }) => name.toLowerCase().includes(typed.toLowerCase()));
  const topics = isAsked ? (data?.topics ?? []) : [];
  return [
    ...fits.map(({ name, path, icon }) => ({ name, path, icon })),
    ...topics.map(({ name }): Target => ({ name, path: `/topics/${name}`, icon: 'topics' })),
  ];
}

export function Palette({ onClose }: { onClose: () => void }) {
  const [typed, setTyped] = useState('');
  const [at, setAt] = useState(0);
  const [, go] = useLocation();
  const id = useId();
  const targets = useTargets(typed.trim());
  const open = (target: Target | undefined): void => {
    if (target === undefined) return;
    onClose();
    go(target.path);
  };
  const onKey = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      setAt((at + step + targets.length) % Math.max(targets.length, 1));
    }
    if (event.key === 'Enter') open(targets[at]);
  };
  return (
    <Dialog title="Go to" onClose={onClose}>
      <input
        role="combobox"
        aria-label="A page, or the beginning of a topic's name"
        aria-expanded="true"
        aria-controls={id}
        aria-activedescendant={targets[at] === undefined ? undefined : `${id}-${at}`}
        placeholder="A page, or the beginning of a topic's name"
        className="mb-3 min-h-10 w-full rounded-md border border-edge bg-page px-3 placeholder:text-soft"
        value={typed}
        onChange={(event) => {
          setTyped(event.target.value);
          setAt(0);
        }}
        onKeyDown={onKey}
      />
      <div id={id} role="listbox" aria-label="Places" className="max-h-80 overflow-y-auto">
        {targets.map((target, n) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the combobox has the keys
          <div
            key={target.path}
            id={`${id}-${n}`}
            role="option"
            tabIndex={-1}
            aria-selected={n === at}
            className={`flex min-h-9 cursor-pointer items-center gap-3 rounded-md px-3 ${n === at ? 'bg-accent-wash text-accent' : ''}`}
            onMouseMove={() => setAt(n)}
            onClick={() => open(target)}
          >
            <Icon name={target.icon} />
            <span className="truncate">{target.name}</span>
          </div>
        ))}
        {targets.length === 0 ? <p className="p-3 text-soft">Nothing is called so.</p> : null}
      </div>
    </Dialog>
  );
}
