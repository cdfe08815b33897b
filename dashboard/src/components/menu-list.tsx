/** The menu itself, in a file of its own. Not modal: radix would lock the page's scrolling by a <style>. */
import * as DropdownMenu from 'radix-ui/dropdown-menu';
import type { ReactNode } from 'react';
import { buttonClass } from './button.js';
import { Icon, type IconName } from './icon.js';

export interface MenuEntry {
  label: string;
  icon?: IconName;
  onSelect: () => void;
  isChosen?: boolean;
}

export interface MenuProps {
  label: string;
  icon?: IconName;
  children?: ReactNode;
  entries: readonly MenuEntry[];
}

export default function MenuList({ label, icon, children, entries }: MenuProps) {
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger aria-label={label} className={`${buttonClass('quiet')} px-2`}>
        {icon === undefined ? null : <Icon name={icon} />}
        {children}
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          align="end"
          sideOffset={6}
          className="z-50 min-w-44 rounded-lg border border-line bg-panel p-1 shadow-xl"
        >
          {entries.map(({ label: text, icon: sign, onSelect, isChosen }) => (
            <DropdownMenu.Item
              key={text}
              onSelect={onSelect}
              className="flex min-h-8 items-center gap-2 rounded-md px-2 text-sm outline-none data-highlighted:bg-raised"
            >
              <Icon name={sign ?? 'right'} className="size-4 text-soft" />
              <span className="flex-1">{text}</span>
              {isChosen === true ? <Icon name="check" className="size-4 text-accent" /> : null}
            </DropdownMenu.Item>
          ))}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
