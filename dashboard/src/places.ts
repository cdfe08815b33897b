/** The pages there are, in the order of the navigation. */

import type { Caller } from './api/views.js';
import type { IconName } from './components/icon.js';

export interface Place {
  path: string;
  name: string;
  icon: IconName;
  /** Behind `g`. */
  key: string;
  /** What one needs to be shown anything there; one of them. */
  scopes: readonly Caller['scopes'][number][];
}

export const PLACES: readonly Place[] = [
  { path: '/', name: 'Overview', icon: 'overview', key: 'o', scopes: ['subscribe', 'operate'] },
  { path: '/topics', name: 'Topics', icon: 'topics', key: 't', scopes: ['subscribe'] },
  { path: '/messages', name: 'Messages', icon: 'messages', key: 'm', scopes: ['subscribe'] },
  {
    path: '/subscriptions',
    name: 'Subscriptions',
    icon: 'subscriptions',
    key: 's',
    scopes: ['subscribe'],
  },
  {
    path: '/dead-letters',
    name: 'Dead letters',
    icon: 'letters',
    key: 'd',
    scopes: ['subscribe'],
  },
  {
    path: '/sessions',
    name: 'Sessions',
    icon: 'sessions',
    key: 'c',
    scopes: ['manage', 'operate'],
  },
  { path: '/nodes', name: 'Nodes', icon: 'nodes', key: 'n', scopes: ['operate'] },
  {
    path: '/playground',
    name: 'Playground',
    icon: 'playground',
    key: 'p',
    scopes: ['publish', 'subscribe'],
  },
  {
    path: '/keys',
    name: 'Tenants & keys',
    icon: 'keys',
    key: 'k',
    scopes: ['manage', 'operate'],
  },
  { path: '/audit', name: 'Audit', icon: 'audit', key: 'a', scopes: ['manage', 'operate'] },
];

export function isAt(place: Place, path: string): boolean {
  return place.path === '/'
    ? path === '/'
    : path === place.path || path.startsWith(`${place.path}/`);
}
