/** A session or stream of a node, as whoever operates it sees it; and what it is called by. */
import type { ClientName } from './client-name.js';
import type { Tenant } from './topic-key.js';

/** Where it is: the acceptor's index, which thread had that, and its number there. */
export interface SessionPlace {
  readonly acceptor: number;
  /** Counts the threads that have had the index. */
  readonly generation: number;
  readonly number: number;
}

/**
 * single: one JSON frame a message; sse: a stream of events; pull: requests that ask for messages; webhook:
 * requests that this node sends.
 */
export type SessionFormat = 'single' | 'json' | 'msgpack' | 'sse' | 'pull' | 'webhook';

/** How one of its subscriptions stands at its worker. */
export interface SubscriptionFill {
  /** Delivered and not settled. */
  readonly inFlight: number;
  /** Null: it has no window. */
  readonly maxInFlight: number | null;
  /** Head of the topic less what is settled. */
  readonly lag: number;
}

export interface SessionSubscription {
  readonly topic: string;
  /** Null: ephemeral. */
  readonly name: string | null;
  readonly ack: 'explicit' | 'none';
  /** Null: its worker is being replaced, or has just ended it. */
  readonly fill: SubscriptionFill | null;
}

export interface SessionRecord {
  readonly place: SessionPlace;
  readonly tenant: Tenant;
  /** Null: no key is asked for, or it came with a token of another issuer. */
  readonly keyId: string | null;
  readonly format: SessionFormat;
  /** The client's; '': it is not known. */
  readonly address: string;
  /** Null: it did not say. */
  readonly client: ClientName | null;
  /** Unix ms by the node's clock. */
  readonly connectedAtMs: number;
  readonly subscriptions: readonly SessionSubscription[];
  /** That wait for its socket; of a stream null, which cannot be asked. */
  readonly bufferBytes: number | null;
}

/** One of a node of the cluster. */
export interface NodeSession {
  /** NODE_ID. */
  readonly node: string;
  /** Of the life of the node. */
  readonly bootId: string;
  readonly record: SessionRecord;
}

/** A place in the order of all sessions of the cluster. */
export interface ClusterPlace {
  /** See `bootTextOf`. */
  readonly boot: string;
  readonly place: SessionPlace;
}

const BOOT_CHARS = 12;
const ID = /^([0-9a-f]{12})-(\d{1,4})-(\d{1,9})-(\d{1,10})$/;

/** What stands for the life of a node in the ids of its sessions. `bootId`: a UUID. */
export function bootTextOf(bootId: string): string {
  return bootId.slice(-BOOT_CHARS);
}

/** In the order of places, for those of one node. */
export function sessionIdOf({ bootId, record }: Pick<NodeSession, 'bootId' | 'record'>): string {
  const { acceptor, generation, number } = record.place;
  return `${bootTextOf(bootId)}-${acceptor}-${generation}-${number}`;
}

/** Null: no session is called so. */
export function placeOfSession(id: string): ClusterPlace | null {
  const [, boot = '', acceptor, generation, number] = ID.exec(id) ?? [];
  if (boot === '') return null;
  const place = {
    acceptor: Number(acceptor),
    generation: Number(generation),
    number: Number(number),
  };
  return { boot, place };
}
