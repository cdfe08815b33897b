/** The frame of all pages: navigation, how the connection stands, theme, keys, and who is logged in. */
import { type ReactNode, useEffect, useMemo, useState } from 'react';
import { useLocation } from 'wouter';
import { Button } from '../components/button.js';
import { useShortcuts } from '../hooks/use-shortcuts.js';
import { useLive } from '../live/use-live.js';
import { isAt, PLACES } from '../places.js';
import { Connection } from './connection.js';
import { KeyHelp } from './key-help.js';
import { Account, ThemeMenu } from './menus.js';
import { Brand, Navigation } from './navigation.js';
import { Palette } from './palette.js';

type Open = 'none' | 'palette' | 'keys' | 'navigation';

export function Shell({ children }: { children: ReactNode }) {
  const [path, go] = useLocation();
  const [open, setOpen] = useState<Open>('none');
  const keys = useMemo(() => {
    const goes = PLACES.map(({ key, path: to }) => [`g ${key}`, () => go(to)] as const);
    return {
      ...Object.fromEntries(goes),
      '?': () => setOpen('keys'),
      'ctrl+k': () => setOpen('palette'),
      '/': () => document.querySelector<HTMLElement>('[data-filter]')?.focus(),
    };
  }, [go]);
  useShortcuts(keys);
  useEffect(() => {
    setOpen('none');
    const place = PLACES.find((one) => isAt(one, path));
    document.title = place === undefined ? 'Conduit' : `${place.name} · Conduit`;
  }, [path]);
  const close = (): void => setOpen('none');
  return (
    <div className="min-h-dvh lg:grid lg:grid-cols-[14rem_minmax(0,1fr)]">
      <a
        href="#content"
        className="sr-only z-50 rounded-md bg-accent px-3 py-2 text-accent-ink focus:not-sr-only focus:fixed focus:top-2 focus:left-2"
      >
        Skip to the content
      </a>
      <aside className="sticky top-0 hidden h-dvh flex-col border-r border-line bg-panel lg:flex">
        <Brand />
        <Navigation />
      </aside>
      <div className="min-w-0">
        <header className="sticky top-0 z-30 flex min-h-12 items-center gap-1 border-b border-line bg-page px-3 sm:px-6">
          <Button
            look="quiet"
            icon="menu"
            aria-label="Navigation"
            className="lg:hidden"
            onClick={() => setOpen('navigation')}
          />
          <Connection />
          <span className="flex-1" />
          <Button look="quiet" icon="search" onClick={() => setOpen('palette')}>
            <span className="sr-only sm:not-sr-only">Go to</span>
            <kbd className="hidden rounded border border-line px-1 text-xs sm:inline">Ctrl K</kbd>
          </Button>
          <Button
            look="quiet"
            icon="keyboard"
            aria-label="Keys"
            className="hidden sm:inline-flex"
            onClick={() => setOpen('keys')}
          />
          <ThemeMenu />
          <Account />
        </header>
        <Outdated />
        <main
          id="content"
          tabIndex={-1}
          className="mx-auto max-w-[100rem] px-3 py-5 outline-none sm:px-6"
        >
          {children}
        </main>
      </div>
      {open === 'palette' ? <Palette onClose={close} /> : null}
      {open === 'keys' ? <KeyHelp onClose={close} /> : null}
      {open === 'navigation' ? <Navigation inDialog={close} /> : null}
    </div>
  );
}

/** Not by itself: something may be typed in. */
function Outdated() {
  const { isOutdated } = useLive();
  if (!isOutdated) return null;
  return (
    <p
      role="alert"
      className="flex flex-wrap items-center gap-3 border-b border-line bg-warn-wash px-3 py-2 text-sm text-warn sm:px-6"
    >
      The node was upgraded while this page was open.
      <Button onClick={() => location.reload()}>Reload the page</Button>
    </p>
  );
}
