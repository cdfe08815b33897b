/**
 * What the supervisor and its threads say to one another: start data (workerData) and control
 * messages on the parent port. Rare and small, so structured clones, not packed.
 */
import type { MessagePort } from 'node:worker_threads';
import type { Config } from '../config/config.js';
import type { Happening } from '../core/happening.js';
import type { Peer } from '../core/peer.js';
import type { TenantQuotas } from '../core/quotas.js';
import type { Tenant, TopicKey } from '../core/topic-key.js';
import type { WebhookChanges, WebhookRecord } from '../core/webhook-record.js';
import type { WorkerStats } from '../core/worker-figures.js';
import type { Trouble } from '../observe/outages.js';
import type { NodeMemory } from './node-memory.js';
import type { SessionAsk, SessionsTold } from './session-calls.js';

/** workerData of a topic worker thread. */
export interface WorkerStart {
  kind: 'worker';
  config: Config;
  /** 0 to WORKERS - 1; stays when the thread is replaced. */
  index: number;
  /** Counts the threads that have had this index, from 1. */
  generation: number;
  /** One end of the link to each acceptor, by the acceptor's index; its id in `transferList`. */
  links: AcceptorLink[];
  /** Port of the cold pool (see cold/cold-port.ts) of each database; none in memory. */
  colds: readonly MessagePort[];
  /** Of a SharedCount: the topics of ANYONE's tenant, of all workers; null: the database counts. */
  topicCount: SharedArrayBuffer | null;
  memory: NodeMemory;
  /** Of this life of the node. */
  bootId: string;
  /** The nodes that live, as each database has it; none in memory. */
  living: readonly (readonly Peer[])[];
  /** What is shown to other nodes, and asked of them, when something is forwarded; null: nothing. */
  forwardTls: PemFiles | null;
}

/** How many topics a tenant may have in memory, and how many it has, in all workers together. */
export interface TopicQuota {
  tenant: Tenant;
  /** Null: as many as TOPICS_PER_TENANT_MAX says. */
  max: number | null;
  /** Of a SharedCount, by worker. */
  count: SharedArrayBuffer;
}

/** An authority, a certificate of it and its key, in PEM. */
export interface PemFiles {
  ca: string;
  cert: string;
  key: string;
}

export interface AcceptorLink {
  acceptor: number;
  generation: number;
  port: MessagePort;
}

/** workerData of an acceptor thread. */
export interface AcceptorStart {
  kind: 'acceptor';
  config: Config;
  index: number;
  generation: number;
  links: WorkerLink[];
  /** Port of the browsing pool; null in memory. */
  browse: MessagePort | null;
  /** Port to the door for what other nodes forward; null: it takes nothing, or at INTERNAL_PORT. */
  door: MessagePort | null;
  /** Port to the directory of tenants and API keys; null: none are asked for. */
  directory: MessagePort | null;
  /** Port to whoever asks all acceptors, and all nodes. */
  roster: MessagePort;
  /** Port to the webhooks, which the main thread keeps. */
  webhooks: MessagePort;
  /** Those that this acceptor sends for. */
  sendsFor: readonly WebhookRecord[];
  /** What tokens are sealed with; null: no keys are asked for. */
  tokenSecret: Uint8Array | null;
  /** Of all tenants that have some. */
  quotas: readonly TenantQuotas[];
  memory: NodeMemory;
  /** When the node started, by `processMs`. */
  startedAtMs: number;
  version: string;
  /** Of this life of the node. */
  bootId: string;
}

export interface WorkerLink {
  worker: number;
  generation: number;
  port: MessagePort;
}

/** What is new of a worker's topics, for other nodes. */
export interface TopicNews {
  /** How many subscriptions each has; 0: none any more. */
  topics: (readonly [key: TopicKey, count: number])[];
  tenants: (readonly [tenant: Tenant, stats: WorkerStats])[];
}

/** Supervisor to thread. */
export type ToThread =
  /** To a worker: a new acceptor thread took this index; the old one's sessions have ended. */
  | { type: 'acceptor'; link: AcceptorLink }
  /** To an acceptor: a new worker thread took this index. */
  | { type: 'worker'; link: WorkerLink }
  /** To an acceptor: that worker's thread is gone; answer its requests, no new one yet. */
  | { type: 'worker-gone'; worker: number; generation: number }
  /** To an acceptor: these API keys are other than they were, or gone; null: any may be. */
  | { type: 'keys-changed'; ids: readonly string[] | null }
  /** To an acceptor, about its own sessions. Answered by `sessions` of the same number. */
  | { type: 'sessions'; request: number; ask: SessionAsk }
  /** To a worker: the nodes that live by a database, when others do than before, or this one does again. */
  | { type: 'nodes'; living: readonly Peer[]; place: number }
  /** To a worker: another node forwarded it, a request with something for this one. */
  | { type: 'forwarded'; body: Uint8Array }
  /** To a worker: how many subscriptions other nodes have to topics that it owns, where that has changed. */
  | { type: 'elsewhere'; counts: (readonly [key: TopicKey, count: number])[] }
  /** To an acceptor: the tenants that have quotas from now on. */
  | { type: 'quotas-changed'; quotas: readonly TenantQuotas[] }
  /** To an acceptor: what is other of the webhooks that it sends for. */
  | { type: 'webhooks-changed'; changes: WebhookChanges }
  /** To a worker, in memory: those of tenants that had a quota of topics, now or before. */
  | { type: 'topic-quotas'; quotas: readonly TopicQuota[] }
  /** To an acceptor: it happened on this node. */
  | { type: 'happened'; all: readonly Happening[] }
  /** To an acceptor: start listening. Answered by `listening`, or `fault`. */
  | { type: 'listen' }
  /** To an acceptor: who connects from now on is shown what the files hold. Answered by `certificate`. */
  | { type: 'reload-certificate' }
  /**
   * readyz 503; new publishes 503; answered by `drained` when nothing is under way and sessions were
   * told.
   */
  | { type: 'drain' }
  /** End now: close, release, let the thread's loop run empty. */
  | { type: 'stop' };

/** What a thread could not bring to its end when it was to drain or stop. */
export interface LeftOver {
  /** Without an answer: they may be stored. */
  publishes: number;
  /** Other requests without an answer. */
  requests: number;
  /** Sessions that had sent more than was read. */
  unread: number;
  /** Subscriptions of which something was not saved. */
  cursors: number;
  /** Verdicts among it whose answer was asked for. */
  acks: number;
}

/** Thread to supervisor. */
export type FromThread =
  | { type: 'ready' }
  | { type: 'listening'; port: number }
  /** Null: it is the new one; else the one before stays. */
  | { type: 'certificate'; trouble: string | null }
  | { type: 'drained' }
  /** Of an acceptor, in memory: the node was asked to drain. */
  | { type: 'to-drain' }
  | { type: 'sessions'; request: number; told: SessionsTold }
  /** For whoever looks at the node. */
  | { type: 'happened'; all: readonly Happening[] }
  /** A wrapped handler threw; the thread goes on. Counted and logged. */
  | { type: 'handler-fault'; where: string; stack: string; requestId: string | null }
  /** Of a worker: channels that it listens to from now on, and no longer. */
  | { type: 'channels'; more: readonly string[]; less: readonly string[] }
  /** Of a worker: what is new of its topics. */
  | { type: 'topic-news'; news: TopicNews }
  /** Of a worker: what was forwarded, so many bytes of it. */
  | { type: 'forward-read'; bytes: number }
  /** Something failed that is tried again: how often since it was last said. */
  | { type: 'trouble'; trouble: Trouble; times: number }
  /** At its drain or its stop, when there is something. */
  | { type: 'left-over'; left: LeftOver }
  /** What was said of that kind is over. */
  | { type: 'over'; kind: string }
  /** State of this worker's log changed; the health of every acceptor follows. */
  | { type: 'log-state'; state: string; detail: string }
  /** This thread cannot start; `exitCode` 78 for wrong configuration. */
  | { type: 'fault'; detail: string; exitCode: number };
