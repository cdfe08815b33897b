/**
 * The pages that have a file of their own: all but the first one. That of the address is fetched while it is
 * found out who looks, the others when the page has nothing else to do, so that nobody waits for one of them.
 */
import { type ComponentType, lazy, useState } from 'react';

type Load = () => Promise<{ default: ComponentType }>;

interface PageFile {
  path: string;
  /** Null: it was not fetched. */
  there: ComponentType | null;
  awaited: ComponentType;
  /** To be there when it is shown. */
  fetch: () => Promise<void>;
}

/** After the first page is there. */
const OTHERS_AFTER_MS = 1_500;

function pageFile(path: string, load: Load): PageFile {
  const file: PageFile = {
    ...{ path, there: null, awaited: lazy(load) },
    fetch: async () => {
      file.there = (await load()).default;
    },
  };
  return file;
}

/** What is there already is shown at once, and not after a moment of nothing. */
export function Page({ file }: { file: PageFile }) {
  const [Shown] = useState<ComponentType>(() => file.there ?? file.awaited);
  return <Shown />;
}

/** Of a path the first that fits. */
export const PAGE_FILES: readonly PageFile[] = [
  pageFile('/topics', () => import('./pages/topics/topics.js')),
  pageFile('/topics/:name', () => import('./pages/topics/topic.js')),
  pageFile('/messages', () => import('./pages/messages/messages.js')),
  pageFile('/subscriptions', () => import('./pages/subscriptions/subscriptions.js')),
  pageFile('/dead-letters', () => import('./pages/letters/letters.js')),
  pageFile('/sessions', () => import('./pages/sessions/sessions.js')),
  pageFile('/keys', () => import('./pages/keys/keys.js')),
  pageFile('/audit', () => import('./pages/audit/audit.js')),
  pageFile('/nodes', () => import('./pages/nodes/nodes.js')),
  pageFile('/playground', () => import('./pages/playground/playground.js')),
];

/** Whoever shows it asks again, and is told what is wrong. */
function quietly(page: PageFile | undefined): Promise<void> {
  return page === undefined ? Promise.resolve() : page.fetch().catch(() => undefined);
}

export function fetchPageOf(path: string): void {
  const [, first = '', rest = ''] = path.split('/');
  const own = rest === '' ? `/${first}` : `/${first}/:name`;
  void quietly(PAGE_FILES.find((page) => page.path === own));
}

/** One after another: a browser has six connections to a node, and the page needs them more. */
export function fetchOtherPages(): () => void {
  let isOver = false;
  const timer = setTimeout(async () => {
    for (const page of PAGE_FILES) if (!isOver) await quietly(page);
  }, OTHERS_AFTER_MS);
  return () => {
    isOver = true;
    clearTimeout(timer);
  };
}
