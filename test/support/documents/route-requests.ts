/** For each route a request that it takes, on a node that has a topic `fuzz` and little else. */
import type { Route } from '../../../src/acceptor/http/route.js';

/** One for each route with a body: cases are these, and one thing wrong. */
export const BODIES: Readonly<Record<string, Record<string, unknown>>> = {
  'POST /api/publish': { topic: 'fuzz', payload: 1 },
  'POST /api/publish/batch': { messages: [{ topic: 'fuzz', payload: 1 }] },
  'POST /api/topics/:name/events': {
    ...{ id: '1', source: '/s', type: 't', specversion: '1.0' },
    data: 1,
  },
  'POST /api/topics': { name: 'fuzz.other' },
  'PATCH /api/topics/:name': { retention: {} },
  'POST /api/topics/:name/move': { database: 1, tenant: 'default' },
  'PATCH /api/subscriptions/:topic/:name': {},
  'POST /api/subscriptions/:topic/:name/seek': { from: 'latest' },
  'POST /api/subscriptions/:topic/:name/pull': {},
  'POST /api/subscriptions/:topic/:name/ack': { tokens: ['1.1.e'] },
  'POST /api/subscriptions/:topic/:name/nack': { tokens: ['1.1.e'] },
  'POST /api/subscriptions/:topic/:name/extend': { tokens: ['1.1.e'] },
  'POST /api/subscriptions/:topic/:name/reject': { tokens: ['1.1.e'] },
  'PUT /api/subscriptions/:topic/:name/webhook': { url: 'https://hooks.invalid/' },
  'POST /api/dead-letters/redrive': { ids: [1] },
  'POST /api/dead-letters/purge': { ids: [1] },
  'POST /api/tenants': { name: 'fuzz' },
  'PATCH /api/tenants/:name': { quotas: {} },
  'POST /api/keys': { scopes: ['manage'] },
  'POST /api/keys/:id/rotate': {},
  'POST /api/tokens': {},
};

const KEY_ID = '0123456789abcdef';
const MESSAGE_ID = '00000000-0000-7000-8000-000000000000';

export function nameOf({ method, path }: Pick<Route, 'method' | 'path'>): string {
  return `${method} ${path}`;
}

/** Its answer is a stream of events, which has no end. */
export function isStream(path: string): boolean {
  return path.endsWith('/events') || path === '/api/stream';
}

/** The path with its parameters filled in. */
export function targetOf(path: string): string {
  return path
    .replace(/:(name|topic)/g, 'fuzz')
    .replace('keys/:id', `keys/${KEY_ID}`)
    .replace('messages/:id', `messages/${MESSAGE_ID}`)
    .replace(':file', 'none.js')
    .replace(':id', '1');
}
