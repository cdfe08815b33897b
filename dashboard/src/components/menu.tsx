/** A button that opens a list of actions. The list comes in a file of its own, after the page. */
import { lazy, Suspense } from 'react';
import { buttonClass } from './button.js';
import { Icon } from './icon.js';
import type { MenuProps } from './menu-list.js';

const MenuList = lazy(() => import('./menu-list.js'));

export function Menu(props: MenuProps) {
  const { label, icon, children } = props;
  const closed = (
    <button type="button" aria-label={label} className={`${buttonClass('quiet')} px-2`} disabled>
      {icon === undefined ? null : <Icon name={icon} />}
      {children}
    </button>
  );
  return (
    <Suspense fallback={closed}>
      <MenuList {...props} />
    </Suspense>
  );
}
