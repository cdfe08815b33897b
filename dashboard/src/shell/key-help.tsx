/** The keys there are, and the switch for whoever does not want them. */

import { Dialog } from '../components/dialog.js';
import { CheckField } from '../components/field.js';
import { setShortcuts, useShortcutState } from '../hooks/use-shortcuts.js';
import { usePlaces } from './navigation.js';

const KEYS: readonly (readonly [keys: string, text: string])[] = [
  ['Ctrl K', 'Go to a page or a topic'],
  ['/', 'Filter what is shown'],
  ['j k', 'Next and previous message, where one is open'],
  ['Esc', 'Close what is open'],
  ['?', 'These keys'],
];

export function KeyHelp({ onClose }: { onClose: () => void }) {
  const places = usePlaces();
  const state = useShortcutState();
  const rows = [...KEYS, ...places.map(({ key, name }) => [`g ${key}`, `Go to ${name}`] as const)];
  return (
    <Dialog title="Keys" onClose={onClose}>
      <dl className="grid grid-cols-[auto_1fr] items-center gap-x-6 gap-y-2">
        {rows.map(([keys, text]) => (
          <div key={keys} className="contents">
            <dt className="flex gap-1">
              {keys.split(' ').map((key) => (
                <kbd
                  key={key}
                  className="rounded border border-edge bg-raised px-1.5 py-0.5 text-xs"
                >
                  {key}
                </kbd>
              ))}
            </dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      <div className="mt-5 border-t border-line pt-3">
        <CheckField
          label="Keys without Ctrl are on"
          checked={state === 'on'}
          onChange={(event) => setShortcuts(event.target.checked ? 'on' : 'off')}
        />
      </div>
    </Dialog>
  );
}
