/**
 * A node of a simulated cluster: the product's lease, lease watch, ring, envelopes and gate, with as little
 * around them as makes them do what they do in a node.
 */
import { Envelopes } from '../../src/backplane/envelopes.js';
import { systemClock } from '../../src/core/clock.js';
import type { HashRing } from '../../src/core/hash-ring.js';
import type { TopicRecord } from '../../src/core/topic-record.js';
import type { LogPage, ReadRange } from '../../src/log/contract/message-log.js';
import { Lease } from '../../src/thread/lease.js';
import { LeaseWatch } from '../../src/thread/lease-watch.js';
import { CommitGate } from '../../src/topic/delivery/commit-gate.js';
import type { Feeder } from '../../src/topic/delivery/feeder.js';
import { PageReads } from '../../src/topic/log/page-reads.js';
import { AHEAD_ROWS_MAX } from '../../src/topic/state/ahead-rows.js';
import { Figures } from '../../src/topic/state/figures.js';
import { HotCacheBudget } from '../../src/topic/state/hot-cache.js';
import type { Subscription, Topic } from '../../src/topic/state/subscription.js';
import { Topics } from '../../src/topic/state/topics.js';
import { logRow } from '../support/log/log-rows.js';
import { keyOf } from '../support/tenants/tenants.js';
import type { ClusterDatabase, Held } from './cluster-database.js';

export const SECRET = 'a secret that all nodes of the cluster have';
export const CLUSTER = 'sim';
export const TASK_MS = 1_000;
const RENEW_MS = 500;
const CHECK_MS = 1_000;
const TASKS_MS = 250;
const WORK_MS = 60;
const DISPATCH_MS = 100;
const SAVE_MS = 200;
const TAKE_MS = 300;

/** What a test breaks, to see that it is found; each is the product's when it is absent. */
export interface Breaks {
  gate?: 'none';
  heads?: 'unread';
  lease?: 'not asked' | 'from the answer on';
  terms?: 'not asked';
  taken?: 'believed';
  mac?: 'not compared';
  ring?: 'of all that ever were';
}

export interface NodeWorld {
  readonly database: ClusterDatabase;
  readonly breaks: Breaks;
  now(): number;
  random(): number;
  /** Of that life of the node alone, once it is awake. */
  later(node: SimNode, ms: number, run: () => void): void;
  /** A statement, and its answer; `failed`: there was none. */
  ask<T>(
    node: SimNode,
    statement: () => T,
    answered: (answer: T) => void,
    failed: () => void,
  ): void;
  /** Over those: of one mind they have one. */
  ringOf(living: readonly string[]): HashRing;
  /** To all others that listen, or not. */
  announce(from: SimNode, topic: string, bytes: Buffer): void;
  fault(text: string): void;
}

interface Listened {
  topic: Topic;
  /** Last that was given; each is the next. */
  given: number;
}

interface Coordinated extends Held {
  floor: number;
  sent: number;
  isSaving: boolean;
}

export function payloadOf(topic: string, sequence: number): Buffer {
  return Buffer.from(`"${topic} ${sequence}"`);
}

export class SimNode {
  readonly id: string;
  readonly bootId: string;
  readonly #world: NodeWorld;
  readonly #lease: Lease;
  readonly #watch: LeaseWatch;
  readonly #envelopes: Envelopes;
  readonly #gate: CommitGate;
  readonly #topics: Topics;
  readonly listened = new Map<string, Listened>();
  /** Names of durable subscriptions that have a session here. */
  readonly #durables: readonly string[];
  readonly #coordinated = new Map<string, Coordinated>();
  readonly #taking = new Set<string>();
  #known: readonly string[] = [];
  readonly #met = new Set<string>();

  constructor(
    world: NodeWorld,
    own: { id: string; bootId: string; topics: readonly string[]; durables: readonly string[] },
  ) {
    const { id, bootId, topics, durables } = own;
    this.#world = world;
    this.id = id;
    this.bootId = bootId;
    this.#durables = durables;
    this.#lease = new Lease(Lease.memory(), () => Math.floor(world.now()));
    this.#watch = new LeaseWatch(this.#lease, () => undefined);
    this.#envelopes = new Envelopes({ cluster: CLUSTER, origin: bootId, secret: SECRET });
    this.#topics = new Topics({
      ...{ find: async () => null, epochOf: (n) => `${n}-sim`, clock: systemClock },
      budget: new HotCacheBudget(1024 * 1024),
      figures: new Figures(systemClock),
      onReplaced: () => undefined,
    });
    this.#gate = new CommitGate({
      feeder: { headMoved: () => undefined } as unknown as Feeder,
      reads: new PageReads({
        read: (range) => this.#read(range),
        clock: { random: () => world.random() },
      }),
      others: { tell: () => true, doubt: (topic) => this.#doubt(topic) },
      onRepairFailed: () => undefined,
    });
    for (const topic of topics) this.#listen(topic);
  }

  start(): void {
    const random = (): number => this.#world.random();
    this.#renew();
    this.#every(CHECK_MS * (0.9 + 0.2 * random()), () => this.#check());
    this.#every(TASKS_MS * (0.9 + 0.2 * random()), () => this.#work());
    this.#every(DISPATCH_MS, () => this.#dispatch());
    this.#every(SAVE_MS, () => this.#save());
    this.#every(TAKE_MS * (0.8 + 0.4 * random()), () => this.#take());
  }

  /** Somebody publishes here. */
  publish(topic: string, count: number): void {
    const { database } = this.#world;
    this.#world.ask(
      this,
      () => database.append(topic, count),
      ({ first, last }) => {
        const rows = rowsOf(topic, first, last);
        const listened = this.listened.get(topic);
        const epoch = epochOf(topic);
        if (listened !== undefined) this.#gate.accept(listened.topic, rows);
        for (const bytes of this.#envelopes.ofRows(epoch, rows)) {
          this.#world.announce(this, topic, bytes);
        }
      },
      () => undefined,
    );
  }

  /** Of the backplane. As announcements.ts has it. */
  came(name: string, bytes: Uint8Array): void {
    const listened = this.listened.get(name);
    if (listened === undefined) return;
    const { topic } = listened;
    const envelope = this.#readEnvelope(bytes);
    if (envelope === 'own') return;
    if (typeof envelope === 'string') {
      this.#doubt(topic);
      return;
    }
    const { epoch, first, last, rows } = envelope;
    if (epoch !== topic.epoch || last <= topic.head) return;
    if (first > topic.head + AHEAD_ROWS_MAX) this.#doubt(topic);
    else if (this.#world.breaks.gate === 'none') topic.cache.append([{ rows } as never]);
    else this.#gate.told(topic, rows);
  }

  #readEnvelope(bytes: Uint8Array): ReturnType<Envelopes['read']> {
    const read = this.#envelopes.read(bytes);
    if (read !== 'mac' || this.#world.breaks.mac === undefined) return read;
    return new Envelopes({ cluster: CLUSTER, origin: '', secret: FORGER }).read(bytes);
  }

  #listen(name: string): void {
    const record = { id: idOf(name), key: keyOf(name), lastSequence: this.#headOf(name) };
    const topic = this.#topics.met(record as TopicRecord);
    const subscription = { end: () => undefined, delivered: 0 } as unknown as Subscription;
    topic.subscriptions.set(1, subscription);
    const listened = { topic, given: topic.head };
    this.listened.set(name, listened);
    // What is given is what the gate lets into the cache.
    topic.cache.append = (chunks) => {
      for (const { rows } of chunks) for (const row of rows) this.#given(name, listened, row);
    };
  }

  #given(name: string, listened: Listened, row: { sequence: number; payload: Uint8Array }): void {
    const { sequence, payload } = row;
    if (sequence !== listened.given + 1) {
      this.#world.fault(`${this.id} ${name}: given ${sequence} after ${listened.given}`);
    }
    if (!payloadOf(name, sequence).equals(payload)) {
      this.#world.fault(`${this.id} ${name}: given a forged ${sequence}`);
    }
    listened.given = Math.max(listened.given, sequence);
  }

  #headOf(name: string): number {
    return this.#world.database.heads.get(name) ?? 0;
  }

  #read(range: ReadRange): Promise<LogPage> {
    const name = nameOf(range.topicId);
    const { fromSequence, toSequence, rowsMax } = range;
    return new Promise((resolve, reject) => {
      this.#world.ask(
        this,
        () => this.#headOf(name),
        (head) => {
          const to = Math.min(toSequence, head, fromSequence + rowsMax - 1);
          resolve({ rows: rowsOf(name, fromSequence, to), firstSequence: 1, lastSequence: head });
        },
        () => reject(new Error('no answer')),
      );
    });
  }

  #doubt(topic: Topic): void {
    const seen = (head: number): void => this.#gate.headSeen(topic, head);
    this.#world.ask(
      this,
      () => this.#headOf(topic.name),
      seen,
      () => undefined,
    );
  }

  #every(ms: number, run: () => void): void {
    this.#world.later(this, ms, () => {
      run();
      this.#every(ms, run);
    });
  }

  /** As presence.ts has it. */
  #renew(): void {
    const { database, breaks } = this.#world;
    const sentAtMs = this.#world.now();
    const again = (): void => this.#world.later(this, RENEW_MS, () => this.#renew());
    this.#world.ask(
      this,
      () => (database.renew(this.id, this.bootId) ? database.living() : null),
      (living) => {
        again();
        if (living === null) return;
        const isLate = breaks.lease === 'from the answer on';
        this.#lease.renewed(isLate ? this.#world.now() : sentAtMs);
        this.#place(living);
      },
      again,
    );
  }

  #place(living: readonly string[]): void {
    for (const id of living) this.#met.add(id);
    this.#known = this.#world.breaks.ring === undefined ? living : [...this.#met];
  }

  /** As work-placement.ts has it. */
  #isHere(task: string): boolean {
    return this.#lease.holds && this.#world.ringOf(this.#known).memberOf(task) === this.id;
  }

  /** As head-check.ts has it: terms first. */
  #check(): void {
    const { database, breaks } = this.#world;
    const { lapses } = this.#watch;
    const held = [...this.#coordinated.values()];
    this.#world.ask(
      this,
      () => (breaks.terms === undefined ? database.lost(held) : []),
      (lost) => {
        for (const name of lost) {
          // It may have been taken again since.
          const before = held.find((one) => one.name === name);
          if (this.#coordinated.get(name) === before) this.#coordinated.delete(name);
        }
        this.#watch.checked(lapses);
        if (breaks.heads === undefined) this.#checkHeads();
      },
      () => undefined,
    );
  }

  #checkHeads(): void {
    const names = [...this.listened.keys()];
    this.#world.ask(
      this,
      () => names.map((name) => this.#headOf(name)),
      (heads) => {
        names.forEach((name, n) => {
          const listened = this.listened.get(name);
          if (listened !== undefined) this.#gate.headSeen(listened.topic, heads[n] ?? 0);
        });
      },
      () => undefined,
    );
  }

  /** As upkeep-task.ts has it: the ring says who tries, a lock who does. */
  #work(): void {
    const { database } = this.#world;
    for (const task of database.tasks.keys()) {
      if (!this.#isHere(task)) continue;
      const begin = (): boolean => database.begin(task, this.bootId, TASK_MS);
      const end = (begun: boolean): void => {
        if (!begun) return;
        this.#world.later(this, WORK_MS, () => {
          this.#world.ask(
            this,
            () => database.end(task, this.bootId),
            () => undefined,
            () => undefined,
          );
        });
      };
      this.#world.ask(this, begin, end, () => undefined);
    }
  }

  /** Sessions here are of a subscription that nobody who lives coordinates: this node takes it. */
  #take(): void {
    const { database } = this.#world;
    for (const name of this.#durables) {
      // Once at a time, as durables.ts has it.
      if (this.#coordinated.has(name) || this.#taking.has(name)) continue;
      this.#taking.add(name);
      const isTaken = this.#watch.taking();
      this.#world.ask(
        this,
        () => database.take(name, this.id, this.bootId),
        (taken) => {
          this.#taking.delete(name);
          if (taken === null) return;
          if (this.#world.breaks.taken === undefined) isTaken();
          const { term, floor } = taken;
          this.#coordinated.set(name, { name, term, floor, sent: floor, isSaving: false });
        },
        () => this.#taking.delete(name),
      );
    }
  }

  /** For whoever looks for what is wrong. */
  get held(): string {
    const { mayDispatch, isInDoubt } = this.#watch;
    const held = [...this.#coordinated.values()].map((one) => JSON.stringify(one));
    return `${this.id} ${this.#lease.holds ? 'lives' : 'is lost'}, ${mayDispatch}/${isInDoubt}: ${held.join()}`;
  }

  #dispatch(): void {
    const { database, breaks } = this.#world;
    for (const held of this.#coordinated.values()) {
      if (!this.#watch.mayDispatch && breaks.lease !== 'not asked') continue;
      if (held.sent - held.floor > 20) continue;
      database.dispatched(held, this.id);
      const sequence = ++held.sent;
      // Its session settles it, one after the other.
      this.#world.later(this, 10, () => {
        held.floor = Math.max(held.floor, sequence);
      });
    }
  }

  #save(): void {
    const { database } = this.#world;
    for (const held of this.#coordinated.values()) {
      // One after the other, as by one session.
      if (held.isSaving) continue;
      held.isSaving = true;
      const { floor } = held;
      const saved = (isSaved: boolean): void => {
        held.isSaving = false;
        if (!isSaved && this.#coordinated.get(held.name) === held)
          this.#coordinated.delete(held.name);
      };
      const failed = (): void => {
        held.isSaving = false;
      };
      this.#world.ask(this, () => database.save(held, floor), saved, failed);
    }
  }
}

/** Whoever has not the secret. */
export const FORGER = 'a secret that somebody else has thought of';

export function rowsOf(topic: string, first: number, last: number): ReturnType<typeof logRow>[] {
  const count = Math.max(0, last - first + 1);
  return Array.from({ length: count }, (_, n) => logRow(first + n, payloadOf(topic, first + n)));
}

export function epochOf(topic: string): string {
  return `${idOf(topic)}-sim`;
}

function idOf(topic: string): number {
  return Number(topic.slice(topic.indexOf('.') + 1));
}

function nameOf(id: number): string {
  return `topic.${id}`;
}
