/** What a scenario is: data. What is done with it stands in work.ts and runner.ts. */
import type { AttackName } from './attackers/attacks.js';
import type { ConduitName } from './conduit.js';
import type { Figure } from './figure.js';
import type { Goal } from './goal.js';
import type { LoadOptions } from './loadgen.js';
import type { PeerName } from './peers/peers.js';
import type { TenantsToMake } from './tenants.js';

export type ContenderName = ConduitName | PeerName;

export interface Scenario {
  name: string;
  /** One sentence. */
  measures: string;
  /** Of all entries that name no other. */
  figure: Figure;
  goals: readonly Goal[];
  entries: readonly Entry[];
  /** Where one run is long: no more of them than so many, whatever --runs says. */
  runsMax?: number;
}

/** One line of the scenario's table. */
export interface Entry {
  /** Unique in its scenario. */
  name: string;
  contender: ContenderName;
  work: Work;
  /** Environment Conduit is started with. */
  env?: Readonly<Record<string, string>>;
  figure?: Figure;
  /** The entry whose figure this one is divided by. */
  against?: string;
  /** Only with --peers. */
  peer?: boolean;
  /** It takes part in --quick, with these changes. */
  quick?: QuickChanges;
}

export interface QuickChanges {
  load?: LoadOptions;
  rates?: readonly number[];
  /** That a snapshot is held. */
  seconds?: number;
}

/**
 * `load` goes to the load generator as it is; a contender that measures itself passes it over.
 * `warm`: changes of `load` for a load before it, so that an unloaded server's code is compiled.
 */
export type Work =
  | LoadWork
  | RatesWork
  | BesideWork
  | AttackWork
  | HoldWork
  | HeldWork
  | RecoveryWork;

/**
 * One load. `before` fills the topics and is not measured. `audience`: subscribers in a load generator of
 * their own, so that an answer does not wait until its client has read what else came. `atSecond`: who of
 * `load` is at the second node of a pair: its subscribers, or every other publisher.
 */
export interface LoadWork {
  kind: 'load';
  count: 'published' | 'delivered';
  load: LoadOptions;
  warm?: LoadOptions;
  before?: LoadOptions;
  audience?: LoadOptions;
  atSecond?: 'subscribers' | 'publishers';
  /** What it leaves on the disk for each message is measured, too. Conduit only. */
  disk?: true;
  /** Made first. Conduit only, with KEYED_ENV. */
  tenants?: TenantsToMake;
  /** Its metrics are asked for once a second meanwhile. Conduit only. */
  scraped?: true;
}

/** Rising rates, open loop: the highest that passes. */
export interface RatesWork {
  kind: 'rates';
  load: LoadOptions;
  rates: readonly number[];
}

/** `load` alone, then while `busy` runs. */
export interface BesideWork {
  kind: 'beside';
  load: LoadOptions;
  warm?: LoadOptions;
  busy: LoadOptions;
}

/** `load` alone, then while one client attacks the node, a round a second. */
export interface AttackWork {
  kind: 'attack';
  load: LoadOptions;
  warm?: LoadOptions;
  attack: AttackName;
}

/** Idle sessions: memory for each. */
export interface HoldWork {
  kind: 'hold';
  load: LoadOptions;
}

/**
 * `load`, or what a contender that measures itself does, before another session of its database holds a
 * snapshot, while it does, and after. Only what has its messages in PostgreSQL.
 */
export interface HeldWork {
  kind: 'held';
  count: 'published' | 'delivered';
  load: LoadOptions;
  /** That it is held, unless --held says another. */
  seconds: number;
}

/** SIGKILL of the node under `load`, then a start; `subscribers` read everything. Conduit only. */
export interface RecoveryWork {
  kind: 'recovery';
  load: LoadOptions;
  subscribers: number;
}
