/**
 * What happens on a node and is worth a line to whoever looks at it: told as it happens, kept nowhere but
 * among the last of them. Above a rate, things of a kind are told as one, with how many.
 */
import type { NeededScope } from './scope.js';
import { type Tenant, type TopicKey, tenantOf, topicNameOf } from './topic-key.js';

/** By what whoever is told of it needs. `lost`: so many things found no room among those that are told. */
export const HAPPENINGS = {
  'topic.created': 'subscribe',
  'topic.deleted': 'subscribe',
  dead_letter: 'subscribe',
  'session.opened': 'manage or operate',
  'session.closed': 'manage or operate',
  'node.joined': 'operate',
  'node.left': 'operate',
  'thread.replaced': 'operate',
  lost: 'operate',
} as const satisfies Record<string, NeededScope>;

export type HappeningKind = keyof typeof HAPPENINGS;

export interface Happening {
  readonly kind: HappeningKind;
  /** Null: it is of no tenant. */
  readonly tenant: Tenant | null;
  /** Null: of none, or of several. */
  readonly topic: string | null;
  /** Of the subscription, the client, the node or the thread; null: of none, or of several. */
  readonly name: string | null;
  readonly count: number;
  /** Unix ms, of the last of them. */
  readonly atMs: number;
}

/** Without the time. */
export type HappeningOf = Pick<Happening, 'kind' | 'tenant'> &
  Partial<Pick<Happening, 'topic' | 'name' | 'count'>>;

/** Takes one. */
export type Happened = (happening: HappeningOf) => void;

export function ofTopic(kind: HappeningKind, key: TopicKey): HappeningOf {
  return { kind, tenant: tenantOf(key), topic: topicNameOf(key) };
}
