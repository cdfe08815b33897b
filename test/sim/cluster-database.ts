/**
 * What PostgreSQL is to a simulated cluster: each call is one statement, done at one moment of virtual time,
 * by the rules of the statements in src/log/postgres/store. It also sees what no node may do, and says so.
 */
import { LEASE_MS } from '../../src/thread/lease.js';

interface NodeRow {
  bootId: string;
  leaseUntilMs: number;
}

export interface Held {
  name: string;
  term: number;
}

interface SubscriptionRow {
  owner: { id: string; bootId: string } | null;
  term: number;
  floor: number;
}

interface TaskRow {
  /** Of the session that has its lock. */
  lockedBy: string | null;
  /** It is idle from then on: the server ends it, and its lock with it. */
  lockedAtMs: number;
  doneAtMs: number;
}

/** As idle_session_timeout of upkeep. */
const IDLE_SESSION_MS = 3_000;

export class ClusterDatabase {
  readonly heads = new Map<string, number>();
  readonly subscriptions = new Map<string, SubscriptionRow>();
  readonly tasks = new Map<string, TaskRow>();
  readonly #nodes = new Map<string, NodeRow>();
  readonly #now: () => number;
  readonly faults: string[] = [];

  constructor(now: () => number) {
    this.#now = now;
  }

  append(topic: string, count: number): { first: number; last: number } {
    const head = this.heads.get(topic) ?? 0;
    this.heads.set(topic, head + count);
    return { first: head + 1, last: head + count };
  }

  /** False: another boot of that name lives. */
  renew(id: string, bootId: string): boolean {
    const now = this.#now();
    const row = this.#nodes.get(id);
    if (row !== undefined && row.bootId !== bootId && row.leaseUntilMs > now) return false;
    this.#nodes.set(id, { bootId, leaseUntilMs: now + LEASE_MS });
    return true;
  }

  living(): string[] {
    const now = this.#now();
    return [...this.#nodes].filter(([, row]) => row.leaseUntilMs > now).map(([id]) => id);
  }

  /** Null: another living node coordinates it. */
  take(name: string, id: string, bootId: string): { term: number; floor: number } | null {
    const row = this.subscriptions.get(name) ?? { owner: null, term: 0, floor: 0 };
    this.subscriptions.set(name, row);
    const { owner } = row;
    if (owner !== null && owner.bootId !== bootId && this.#lives(owner)) return null;
    row.owner = { id, bootId };
    row.term++;
    return { term: row.term, floor: row.floor };
  }

  /** Names of those that are held under an older term. */
  lost(held: readonly Held[]): string[] {
    return held
      .filter(({ name, term }) => this.subscriptions.get(name)?.term !== term)
      .map(({ name }) => name);
  }

  /** False: the term is over. */
  save({ name, term }: Held, floor: number): boolean {
    const row = this.subscriptions.get(name);
    if (row === undefined || row.term !== term) return false;
    if (floor < row.floor) this.faults.push(`${name}: saved back from ${row.floor} to ${floor}`);
    row.floor = floor;
    return true;
  }

  /** Somebody gives a message of it out, at this moment. */
  dispatched({ name, term }: Held, node: string): void {
    const now = this.subscriptions.get(name)?.term;
    if (now === term) return;
    this.faults.push(`${name}: ${node} dispatched under term ${term}, which is ${now} by now`);
  }

  /** Whether that session may do it now: nobody else does, and it is due. */
  begin(task: string, session: string, everyMs: number): boolean {
    const now = this.#now();
    const row = this.tasks.get(task) ?? { lockedBy: null, lockedAtMs: 0, doneAtMs: -everyMs };
    this.tasks.set(task, row);
    const isLocked = row.lockedBy !== null && now - row.lockedAtMs < IDLE_SESSION_MS;
    if (isLocked || now - row.doneAtMs < everyMs) return false;
    row.lockedBy = session;
    row.lockedAtMs = now;
    return true;
  }

  end(task: string, session: string): void {
    const row = this.tasks.get(task);
    // The session was ended meanwhile.
    if (row?.lockedBy !== session) return;
    row.lockedBy = null;
    row.doneAtMs = this.#now();
  }

  /** Of a process that is gone. */
  sessionEnded(session: string): void {
    for (const row of this.tasks.values()) if (row.lockedBy === session) row.lockedBy = null;
  }

  #lives({ id, bootId }: { id: string; bootId: string }): boolean {
    const row = this.#nodes.get(id);
    return row !== undefined && row.bootId === bootId && row.leaseUntilMs > this.#now();
  }
}
