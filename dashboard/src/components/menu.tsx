/** A button that opens a list of what can be done. By keys as ARIA has menus; it closes when it is left. */
import { type KeyboardEvent, type ReactNode, useEffect, useRef, useState } from 'react';
import { buttonClass } from './button.js';
import { Icon, type IconName } from './icon.js';

export interface MenuEntry {
  label: string;
  icon?: IconName;
  onSelect: () => void;
  /** One of those of which one is chosen. */
  isChosen?: boolean;
}

export interface MenuProps {
  label: string;
  icon?: IconName;
  children?: ReactNode;
  entries: readonly MenuEntry[];
}

export function Menu({ label, icon, children, entries }: MenuProps) {
  const [isOpen, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const close = (): void => {
    setOpen(false);
    button.current?.focus();
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: it is told that the focus has left what is inside
    <div
      className="relative"
      onBlur={({ currentTarget, relatedTarget }) => {
        if (!currentTarget.contains(relatedTarget)) setOpen(false);
      }}
    >
      <button
        ref={button}
        type="button"
        aria-label={label}
        aria-haspopup="menu"
        aria-expanded={isOpen}
        className={`${buttonClass('quiet')} px-2`}
        // What has the focus keeps it: it would be taken for left, and opened again by the click.
        onMouseDown={(event) => {
          if (isOpen) event.preventDefault();
        }}
        onClick={() => setOpen(!isOpen)}
        onKeyDown={(event) => {
          if (event.key !== 'ArrowDown') return;
          event.preventDefault();
          setOpen(true);
        }}
      >
        {icon === undefined ? null : <Icon name={icon} />}
        {children}
      </button>
      {isOpen ? <Entries label={label} entries={entries} close={close} /> : null}
    </div>
  );
}

interface EntriesProps extends Pick<MenuProps, 'label' | 'entries'> {
  close: () => void;
}

function Entries({ label, entries, close }: EntriesProps) {
  const list = useRef<HTMLDivElement>(null);
  const focus = (place: number): void => {
    const all = list.current?.querySelectorAll('button') ?? [];
    all[(place + all.length) % all.length]?.focus();
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: when it is opened
  useEffect(() => {
    focus(
      Math.max(
        0,
        entries.findIndex(({ isChosen }) => isChosen),
      ),
    );
  }, []);
  const onKey = (event: KeyboardEvent): void => {
    const all = [...(list.current?.querySelectorAll('button') ?? [])];
    const at = all.findIndex((one) => one === document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (event.key === 'Escape') close();
    else if (to === undefined) return;
    else focus(to);
    event.preventDefault();
  };
  return (
    <div
      ref={list}
      role="menu"
      tabIndex={-1}
      aria-label={label}
      className="absolute top-full right-0 z-50 mt-1.5 min-w-44 rounded-lg border border-line bg-panel p-1 shadow-xl"
      onKeyDown={onKey}
    >
      {entries.map(({ label: text, icon, onSelect, isChosen }) => (
        <button
          key={text}
          type="button"
          {...(isChosen === undefined
            ? { role: 'menuitem' }
            : { role: 'menuitemradio', 'aria-checked': isChosen })}
          tabIndex={-1}
          className="flex min-h-8 w-full items-center gap-2 rounded-md px-2 text-left text-sm outline-none hover:bg-raised focus:bg-raised"
          onClick={() => {
            close();
            onSelect();
          }}
        >
          <Icon name={icon ?? 'right'} className="size-4 text-soft" />
          <span className="flex-1">{text}</span>
          {isChosen === true ? <Icon name="check" className="size-4 text-accent" /> : null}
        </button>
      ))}
    </div>
  );
}
