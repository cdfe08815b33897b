/**
 * This node among the nodes of its database: its row and lease in PostgreSQL, renewed on a session of its
 * own, and who else lives. Owned by the main thread. A loss is known when the lease ends: whoever's should be
 * over by now is looked at again at once.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../core/clock.js';
import type { NodeFigures, NodeIdentity, NodeRecord } from '../core/node-record.js';
import type { Peer } from '../core/peer.js';
import { faultOf, messageOf } from '../log/contract/log-errors.js';
import type { BoundedClient } from '../log/postgres/session/bounded-client.js';
import { KeptConnection, type KeptSession } from '../log/postgres/session/kept-connection.js';
import { openConnection } from '../log/postgres/session/log-connection.js';
import { assertPrivileges } from '../log/postgres/session/privileges.js';
import {
  holdLease,
  type ListedNode,
  listNodes,
  type NameHolder,
  removeNode,
} from '../log/postgres/store/node-rows.js';
import { LEASE_MS, type Lease } from '../thread/lease.js';
import { processMs } from '../thread/process-clock.js';
import { Rival } from './rival.js';
import { StartRefused } from './start-refused.js';

export const RENEW_MS = 500;
/** Between looks, however soon somebody's lease ends. */
const PAUSE_MS = 50;
/** An answer that comes later is worth nothing. */
const STATEMENT_TIMEOUT_MS = 1_500;
const LOCK_TIMEOUT_MS = 1_000;
const ANSWER_MS = LEASE_MS;
const RECONNECT = { firstMs: 100, capMs: 500 };
const DOWN_AFTER_MS = 3_000;
/** For what is under way at the end, and for the row to go. */
const END_MS = 500;
/** Rows are found by their index, whatever the table's statistics say. */
const SETTINGS = `SET statement_timeout = ${STATEMENT_TIMEOUT_MS};
  SET lock_timeout = ${LOCK_TIMEOUT_MS}; SET enable_seqscan = off; SET enable_bitmapscan = off`;

export interface PresenceOptions {
  databaseUrl: string;
  node: NodeIdentity;
  lease: Lease;
  /** Asked at each renewal. */
  figures: () => NodeFigures;
  /** Those who live, by name: when others do than before, or this one does again. */
  onLiving: (living: readonly Peer[]) => void;
  /** Somebody has asked this node to end in order. Told at each look. */
  onDrain: () => void;
  /** Another node lives under this name: this one must end. */
  onTaken: (line: string) => void;
  /** A renewal failed; the next is tried as usual. */
  onTrouble: (error: unknown) => void;
  /** The session has been away for a while. */
  onAway: (detail: string) => void;
  /** It was renewed. */
  onWell: () => void;
}

export class Presence {
  readonly #options: PresenceOptions;
  readonly #connection: KeptConnection<KeptSession>;
  readonly #rival = new Rival();
  #state: 'new' | 'kept' | 'stopped' = 'new';
  #timer: NodeJS.Timeout | null = null;
  #turn: Promise<void> = Promise.resolve();
  /** Those who live, as it was told last, in lines; none: it is to be told whoever lives. */
  #living = '';
  /** Until the next look. */
  #nextMs = RENEW_MS;

  constructor(options: PresenceOptions) {
    this.#options = options;
    this.#connection = new KeptConnection<KeptSession>({
      open: (onLost) => this.#open(onLost),
      reopen: 'always',
      backoff: RECONNECT,
      clock: systemClock,
      downAfterMs: DOWN_AFTER_MS,
      onDown: options.onAway,
      onOpen: () => undefined,
    });
  }

  /**
   * Resolves once the name is this node's, which waits for the end of a lease that an earlier life of it has
   * left. Rejects StartRefused where another node lives under it, else as PostgreSQL or the log say; it may
   * be called again. A database that takes no writes has no leases: there it goes on without.
   */
  async enter(): Promise<void> {
    if (this.#connection.state === 'idle') await this.#connection.start();
    const session = await this.#connection.ready(RENEW_MS);
    if (session === null) throw new Error('the connection ended');
    try {
      for (;;) {
        const holder = await this.#look(session.client);
        if (holder === null) break;
        if (this.#rival.lives(holder)) throw new StartRefused(this.#takenLine(holder));
        await delay(Math.max(PAUSE_MS, Math.min(RENEW_MS, holder.leftMs)));
      }
    } catch (error) {
      if (faultOf(error) !== 'read_only') throw error;
    }
    if (this.#state === 'new') this.#state = 'kept';
    this.#arm();
  }

  /** For a database that the node can do without: tries once, and from then on as long as it lives. */
  async enterSoon(): Promise<void> {
    try {
      await this.enter();
    } catch (error) {
      if (error instanceof StartRefused) throw error;
      this.#options.onTrouble(error);
      if (this.#state === 'new') this.#state = 'kept';
      this.#connection.begin();
      this.#arm();
    }
  }

  /** The row goes: others do not wait for the end of the lease. */
  async stop(): Promise<void> {
    this.#state = 'stopped';
    if (this.#timer !== null) clearTimeout(this.#timer);
    await Promise.race([this.#leave(), delay(END_MS)]);
    await this.#connection.close();
  }

  async #leave(): Promise<void> {
    await this.#turn;
    const { session } = this.#connection;
    if (session === null) return;
    // Where that fails the lease ends by itself.
    await removeNode(session.client, this.#options.node).catch(() => undefined);
  }

  async #open(onLost: (error: Error) => void): Promise<KeptSession> {
    const { databaseUrl, node } = this.#options;
    const applicationName = `conduit/${node.id}/presence`;
    const session = { databaseUrl, applicationName, answerMs: ANSWER_MS };
    const client = await openConnection(session, onLost);
    try {
      await client.query(SETTINGS);
      if (this.#state === 'new') await assertPrivileges(client);
    } catch (error) {
      client.destroy();
      throw error;
    }
    return { client };
  }

  #arm(): void {
    if (this.#state === 'stopped') return;
    this.#timer = setTimeout(() => {
      this.#turn = this.#work();
    }, this.#nextMs);
  }

  async #work(): Promise<void> {
    const startMs = processMs();
    this.#nextMs = RENEW_MS;
    const session = await this.#connection.ready(RENEW_MS);
    if (session !== null) await this.#renew(session);
    this.#nextMs = Math.max(PAUSE_MS, this.#nextMs - (processMs() - startMs));
    this.#arm();
  }

  async #renew(session: KeptSession): Promise<void> {
    const { onTrouble, onTaken, onWell } = this.#options;
    try {
      const holder = await this.#look(session.client);
      if (holder !== null && this.#rival.lives(holder)) onTaken(this.#takenLine(holder));
      if (holder === null) onWell();
    } catch (error) {
      if (this.#state === 'stopped') return;
      if (faultOf(error) === 'connection') this.#connection.drop(session, messageOf(error));
      onTrouble(error);
    }
  }

  /** Renews the lease, and looks who lives; else whoever has the name. */
  async #look(client: BoundedClient): Promise<NameHolder | null> {
    const { node, lease, figures } = this.#options;
    const sentAtMs = processMs();
    const holder = await holdLease(client, { ...node, ...figures() }, LEASE_MS);
    if (holder !== null) return holder;
    this.#rival.forget();
    // This node was counted among the lost: what was passed over meanwhile is its again.
    if (!lease.holds) this.#living = '';
    lease.renewed(sentAtMs);
    this.#tell(await listNodes(client, LEASE_MS));
    return null;
  }

  #tell(nodes: readonly ListedNode[]): void {
    const { bootId } = this.#options.node;
    if (nodes.some(({ record }) => record.isToDrain && record.bootId === bootId)) {
      this.#options.onDrain();
    }
    const living = nodes.filter(({ leftMs }) => leftMs > 0);
    this.#nextMs = Math.min(RENEW_MS, ...living.map(({ leftMs }) => Math.ceil(leftMs)));
    const peers = living.map(({ record }) => peerOf(record));
    const told = peers.map((peer) => Object.values(peer).join(' ')).join('\n');
    if (told === this.#living) return;
    this.#living = told;
    this.#options.onLiving(peers);
  }

  #takenLine({ addr }: NameHolder): string {
    const { id } = this.#options.node;
    return `NODE_ID=${id}: another node, at ${addr}, has this name; give each node its own`;
  }
}

function peerOf({ id, bootId, addr, forwardUrl, topics }: NodeRecord): Peer {
  return { id, bootId, addr, forwardUrl, workers: topics.length };
}
