/**
 * What this node tells the others of itself (how many subscriptions each topic has, what each tenant's topics
 * do, what its acceptors hold), and the copy that it keeps of what they tell: asked for twice a second, only
 * what has changed. So nobody who is counted is waited for. Owned by the main thread.
 */
import { type NodeQuestions, Unanswered } from '../backplane/node-questions.js';
import { ACCEPTOR_FIGURES, type AcceptorFigures } from '../core/acceptor-figures.js';
import { eachMember } from '../core/each-member.js';
import type { ElsewhereStats } from '../core/elsewhere-stats.js';
import type { Peer } from '../core/peer.js';
import { isProcess, type ProcessFigures } from '../core/process-figures.js';
import { type ToldChanges, ToldCopy, type ToldPlace, ToldValues } from '../core/told-values.js';
import type { Tenant, TopicKey } from '../core/topic-key.js';
import { NO_STATS, summedStats, type WorkerStats } from '../core/worker-figures.js';
import type { TopicNews } from '../thread/control.js';

const POLL_MS = 500;
/** With many nodes each is asked less often: this node asks so many a second. */
const ASKS_PER_S = 100;
const ANSWER_MS = 1_500;
/** Whoever has said nothing for so long is not counted. */
const SILENT_MS = 5_000;
/** In one answer. */
const CHANGES_MAX = 5_000;
/** One after another, of one node. */
const ANSWERS_MAX = 200;

/** What other nodes are asked. */
export interface FiguresQuestion {
  about: 'figures';
  topics: ToldPlace | null;
  tenants: ToldPlace | null;
}

export interface FiguresTold {
  topics: ToldChanges<number>;
  tenants: ToldChanges<WorkerStats>;
  acceptors: AcceptorFigures;
  /** Absent: of a node of before. */
  process?: ProcessFigures;
}

/** How many subscriptions other nodes have to topics of a worker here. */
export type ElsewhereCounts = [key: TopicKey, subscribers: number][];

export interface ClusterFiguresOptions {
  bootId: string;
  questions: Pick<NodeQuestions, 'ask'>;
  acceptors: () => AcceptorFigures;
  process: () => ProcessFigures;
  /** They are others now. */
  onElsewhere: (counts: ElsewhereCounts) => void;
}

/** What is known of another node. */
interface Known {
  peer: Peer;
  topics: ToldCopy<number>;
  tenants: ToldCopy<WorkerStats>;
  acceptors: AcceptorFigures;
  process: ProcessFigures | null;
  /** When it answered last, monotonic ms; null: never. */
  heardAtMs: number | null;
  isAsked: boolean;
}

const NO_ACCEPTORS: AcceptorFigures = eachMember(ACCEPTOR_FIGURES, () => 0);

export class ClusterFigures {
  readonly #options: ClusterFiguresOptions;
  readonly #topics = new ToldValues<number>((one, other) => one === other);
  readonly #tenants = new ToldValues<WorkerStats>(areSame);
  /** Of each worker: its topics that have subscriptions, and what it said of each tenant. */
  readonly #workers = new Map<number, { topics: Set<string>; tenants: Map<string, WorkerStats> }>();
  readonly #known = new Map<string, Known>();
  /** Of all other nodes together. */
  readonly #elsewhere = new Map<string, number>();
  readonly #changed = new Set<string>();
  #timer: NodeJS.Timeout | null = null;

  constructor(options: ClusterFiguresOptions) {
    this.#options = options;
  }

  start(): void {
    this.#arm();
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** The nodes that live: what others had is not counted any more. */
  place(living: readonly Peer[]): void {
    const others = living.filter(({ bootId }) => bootId !== this.#options.bootId);
    const boots = new Set(others.map(({ bootId }) => bootId));
    for (const [bootId, known] of this.#known) {
      if (boots.has(bootId)) continue;
      this.#known.delete(bootId);
      this.#forget(known);
    }
    for (const peer of others) {
      const known = this.#known.get(peer.bootId);
      if (known !== undefined) known.peer = peer;
      else this.#known.set(peer.bootId, newlyKnown(peer));
    }
    this.#tell();
  }

  /** A worker of this node has something new. */
  heard(worker: number, { topics, tenants }: TopicNews): void {
    const of = this.#workers.get(worker) ?? { topics: new Set(), tenants: new Map() };
    this.#workers.set(worker, of);
    for (const [key, count] of topics) {
      this.#topics.set(key, count === 0 ? null : count);
      if (count === 0) of.topics.delete(key);
      else of.topics.add(key);
    }
    for (const [tenant, stats] of tenants) {
      of.tenants.set(tenant, stats);
      this.#sum(tenant);
    }
  }

  /** Its thread has ended: the next one counts anew. */
  gone(worker: number): void {
    const of = this.#workers.get(worker);
    this.#workers.delete(worker);
    for (const key of of?.topics ?? []) this.#topics.set(key, null);
    for (const tenant of of?.tenants.keys() ?? []) this.#sum(tenant);
  }

  /** For a thread that begins. */
  counts(isOf: (key: TopicKey) => boolean): ElsewhereCounts {
    return ([...this.#elsewhere] as ElsewhereCounts).filter(([key]) => isOf(key));
  }

  /** To another node that asks. */
  told({ topics, tenants }: FiguresQuestion): FiguresTold {
    return {
      topics: this.#topics.since(topics, CHANGES_MAX),
      tenants: this.#tenants.since(tenants, CHANGES_MAX),
      acceptors: this.#options.acceptors(),
      process: this.#options.process(),
    };
  }

  stats(tenant: Tenant): ElsewhereStats {
    const all = [...this.#known.values()];
    const heard = all.filter((known) => !isSilent(known));
    const of = heard.map(({ tenants }) => tenants.values.get(tenant) ?? NO_STATS);
    return {
      workers: summedStats(of),
      acceptors: eachMember(ACCEPTOR_FIGURES, (name) =>
        heard.reduce((sum, { acceptors }) => sum + acceptors[name], 0),
      ),
      processes: Object.fromEntries(
        heard.flatMap(({ peer, process }) => (process === null ? [] : [[peer.bootId, process]])),
      ),
      nodes: heard.length,
      silent: all.filter(isSilent).map(({ peer }) => peer.id),
    };
  }

  #sum(tenant: string): void {
    const of = [...this.#workers.values()].flatMap(({ tenants }) => tenants.get(tenant) ?? []);
    this.#tenants.set(tenant, of.length === 0 ? null : summedStats(of));
  }

  #arm(): void {
    const pauseMs = Math.max(POLL_MS, (1_000 * this.#known.size) / ASKS_PER_S);
    this.#timer = setTimeout(() => {
      for (const known of this.#known.values()) if (!known.isAsked) void this.#ask(known);
      this.#arm();
    }, pauseMs);
  }

  async #ask(known: Known): Promise<void> {
    known.isAsked = true;
    try {
      for (let n = 0; n < ANSWERS_MAX && (await this.#askOnce(known)); n++);
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error;
      if (isSilent(known)) this.#forget(known);
    } finally {
      known.isAsked = false;
      this.#tell();
    }
  }

  /** True: there is more. */
  async #askOnce(known: Known): Promise<boolean> {
    const { peer, topics, tenants } = known;
    const places = { topics: topics.place, tenants: tenants.place };
    const question: FiguresQuestion = { about: 'figures', ...places };
    const told = await this.#options.questions.ask(peer, question, ANSWER_MS);
    if (!isFigures(told)) throw new Unanswered('its answer cannot be read');
    // Who was lost meanwhile is not counted.
    if (this.#known.get(peer.bootId) !== known || this.#timer === null) return false;
    known.heardAtMs = performance.now();
    known.acceptors = told.acceptors;
    known.process = told.process ?? null;
    tenants.apply(told.tenants, () => undefined);
    topics.apply(told.topics, this.#count);
    return told.topics.more || told.tenants.more;
  }

  readonly #count = (name: string, before: number | null, now: number | null): void => {
    const sum = (this.#elsewhere.get(name) ?? 0) + (now ?? 0) - (before ?? 0);
    if (sum > 0) this.#elsewhere.set(name, sum);
    else this.#elsewhere.delete(name);
    this.#changed.add(name);
  };

  #forget({ topics, tenants }: Known): void {
    topics.clear(this.#count);
    tenants.clear(() => undefined);
  }

  #tell(): void {
    if (this.#changed.size === 0) return;
    const counts = [...this.#changed].map((key) => [key, this.#elsewhere.get(key) ?? 0]);
    this.#changed.clear();
    this.#options.onElsewhere(counts as ElsewhereCounts);
  }
}

function newlyKnown(peer: Peer): Known {
  const copies = { topics: new ToldCopy<number>(), tenants: new ToldCopy<WorkerStats>() };
  return {
    ...copies,
    peer,
    acceptors: NO_ACCEPTORS,
    process: null,
    heardAtMs: null,
    isAsked: false,
  };
}

function isSilent({ heardAtMs }: Known): boolean {
  return heardAtMs === null || performance.now() - heardAtMs > SILENT_MS;
}

function areSame(one: WorkerStats, other: WorkerStats): boolean {
  return Object.keys(NO_STATS).every((name) => {
    return one[name as keyof WorkerStats] === other[name as keyof WorkerStats];
  });
}

/** Whether JSON that another node sent asks for figures. */
export function isFiguresQuestion(value: object): value is FiguresQuestion {
  const { about, topics, tenants } = value as Partial<FiguresQuestion>;
  return about === 'figures' && [topics, tenants].every((one) => one === null || isPlace(one));
}

function isFigures(value: unknown): value is FiguresTold {
  if (typeof value !== 'object' || value === null) return false;
  const { topics, tenants, acceptors, process: load } = value as Partial<FiguresTold>;
  return (
    isChanges(topics, (count) => Number.isSafeInteger(count) && Number(count) > 0) &&
    isChanges(tenants, (stats) => areNumbers(stats, NO_STATS, 'some')) &&
    areNumbers(acceptors, ACCEPTOR_FIGURES, 'all') &&
    (load === undefined || isProcess(load))
  );
}

function isChanges(value: unknown, isValue: (value: unknown) => boolean): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { place, isAnew, changes, more } = value as Partial<ToldChanges<unknown>>;
  return (
    isPlace(place) &&
    [isAnew, more].every((one) => typeof one === 'boolean') &&
    Array.isArray(changes) &&
    changes.length <= CHANGES_MAX &&
    changes.every(
      (one) =>
        Array.isArray(one) && typeof one[0] === 'string' && (one[1] === null || isValue(one[1])),
    )
  );
}

function isPlace(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { incarnation, version } = value as Partial<ToldPlace>;
  return Number.isSafeInteger(incarnation) && Number.isSafeInteger(version);
}

/** `some`: a node of another version may know fewer. */
function areNumbers(value: unknown, names: object, which: 'all' | 'some'): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const fields = value as Record<string, unknown>;
  return Object.keys(names).every(
    (name) => Number.isFinite(fields[name]) || (which === 'some' && !(name in fields)),
  );
}
