/** Of the header: the theme, and who is logged in. */
import { useQueryClient } from '@tanstack/react-query';
import { ask } from '../api/ask.js';
import type { IconName } from '../components/icon.js';
import { Menu } from '../components/menu.js';
import { useCaller } from '../hooks/use-caller.js';
import { setTheme, type Theme, useTheme } from '../hooks/use-theme.js';

const THEMES: readonly { theme: Theme; label: string; icon: IconName }[] = [
  { theme: 'dark', label: 'Dark', icon: 'moon' },
  { theme: 'light', label: 'Light', icon: 'sun' },
  { theme: 'system', label: 'As the system', icon: 'screen' },
];

export function ThemeMenu() {
  const chosen = useTheme();
  const icon = THEMES.find(({ theme }) => theme === chosen)?.icon ?? 'screen';
  return (
    <Menu
      label="Theme"
      icon={icon}
      entries={THEMES.map(({ theme, label, icon: sign }) => ({
        label,
        icon: sign,
        isChosen: theme === chosen,
        onSelect: () => setTheme(theme),
      }))}
    />
  );
}

export function Account() {
  const { caller } = useCaller();
  const client = useQueryClient();
  if (caller === null || caller.auth === 'off') return null;
  const logOut = (): void => {
    // Nothing of what was shown stays in the page.
    ask('DELETE /api/session').then(
      () => location.reload(),
      () => client.invalidateQueries(),
    );
  };
  const who = caller.scopes.includes('operate') ? 'operator' : (caller.tenant ?? '');
  return (
    <Menu
      label={`Logged in: ${who}`}
      icon="keys"
      entries={[{ label: 'Log out', icon: 'exit', onSelect: logOut }]}
    >
      <span className="hidden max-w-32 truncate sm:inline">{who}</span>
    </Menu>
  );
}
