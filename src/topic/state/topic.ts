/**
 * A topic as its worker holds it: its place in the log, its hot cache, its subscriptions and groups.
 * Only data and the rules that keep it consistent; what is done with it stands in commit-gate.ts,
 * feeder.ts and subscription-requests.ts.
 */
import type { Clock } from '../../core/clock.js';
import { idTag } from '../../core/id-tag.js';
import { type Tenant, type TopicKey, tenantOf, topicNameOf } from '../../core/topic-key.js';
import type { TopicRecord } from '../../core/topic-record.js';
import type { DeliveryCounts } from '../../core/worker-figures.js';
import type { Spans } from '../../observe/spans.js';
import type { Encoding } from '../../thread/ops/encoding.js';
import { type AheadBudget, AheadRows } from './ahead-rows.js';
import { DeliveryIds } from './delivery-ids.js';
import type { Figures } from './figures.js';
import { Group, type GroupMember } from './group.js';
import type { HotCacheBudget } from './hot-cache.js';
import { HotCache } from './hot-cache.js';
import type { Outlet } from './outlet.js';
import type { Rate } from './rate.js';
import { TopicTraces } from './topic-traces.js';

/** Ids of the newest messages remembered for acks by id: twice the largest window. */
const IDS_MAX = 2_048;

/** What a topic knows of a subscription to it. */
export interface TopicSubscription extends GroupMember {
  readonly outlet: Outlet;
  /** It is in no group any more, and is given nothing. */
  end(): void;
}

/** Of the worker, for all of its topics. */
export interface TopicParts {
  budget: HotCacheBudget;
  aheadBudget: AheadBudget;
  clock: Clock;
  figures: Figures;
  spans?: Spans | null | undefined;
  /** Of a topic, by its id. */
  epochOf: (id: number) => string;
}

/** S are its subscriptions, T what several of them share; see Topic in subscription.ts. */
export class TopicOf<S extends TopicSubscription, T> {
  /** Short number for the link; never used again by this thread. */
  readonly no: number;
  readonly key: TopicKey;
  readonly tenant: Tenant;
  readonly name: string;
  readonly id: number;
  readonly idTag: number;
  epoch: string;
  /**
   * Highest sequence that fan-out has handled: with subscriptions, every message up to it was given
   * to the groups or can be paged; without, just the highest known.
   */
  head: number;
  /** Committed rows above head + 1. */
  readonly ahead: AheadRows;
  /** The head that is being repaired up to; 0: no repair under way. */
  repairUpTo = 0;
  readonly cache: HotCache;
  readonly ids = new DeliveryIds(IDS_MAX);
  readonly subscriptions = new Map<number, S>();
  /** How many subscriptions other nodes have to it, as they said of late. */
  elsewhere = 0;
  readonly groups: Group<S>[] = [];
  /** Subscriptions at the head that are not in their group yet. */
  readonly atHead = new Set<S>();
  /** Durable subscriptions whose messages are given one by one. */
  readonly shared = new Set<T>();
  readonly clock: Clock;
  /** Of all topics of its tenant here together; the next too. */
  readonly counts: DeliveryCounts;
  readonly published: Rate;
  /** Null: spans are not made. */
  readonly traces: TopicTraces | null;

  constructor(no: number, record: TopicRecord, parts: TopicParts) {
    const { budget, aheadBudget, clock, figures, epochOf, spans = null } = parts;
    this.clock = clock;
    this.no = no;
    this.key = record.key;
    this.tenant = tenantOf(record.key);
    const { counts, published } = figures.of(this.tenant);
    this.counts = counts;
    this.published = published;
    this.name = topicNameOf(record.key);
    this.traces = spans === null ? null : new TopicTraces(spans, this);
    this.id = record.id;
    this.idTag = idTag(record.id);
    this.epoch = epochOf(record.id);
    this.head = record.lastSequence;
    this.cache = new HotCache(budget);
    this.ahead = new AheadRows(aheadBudget);
  }

  /** The group for an acceptor and encoding, made at the head when it is not there. */
  groupOf(outlet: Outlet, encoding: Encoding): Group<S> {
    const known = this.groups.find((g) => g.outlet === outlet && g.encoding === encoding);
    if (known !== undefined) {
      if (known.size === 0) known.cursor = this.head;
      return known;
    }
    const group = new Group<S>({ outlet, topicNo: this.no, encoding, cursor: this.head });
    this.groups.push(group);
    return group;
  }

  remember(subscription: S): void {
    this.subscriptions.set(numberKey(subscription.outlet, subscription.number), subscription);
  }

  /** By the acceptor's number of it; undefined when it is not one of this topic. */
  subscriptionOf(outlet: Pick<Outlet, 'number'>, number: number): S | undefined {
    return this.subscriptions.get(numberKey(outlet, number));
  }

  /** Ends a subscription's place here; the caller tells whoever must be told. */
  forget(subscription: S): void {
    subscription.end();
    this.atHead.delete(subscription);
    this.subscriptions.delete(numberKey(subscription.outlet, subscription.number));
    if (this.subscriptions.size > 0) return;
    this.cache.clear();
    this.ids.clear();
    this.ahead.clear();
    this.groups.length = 0;
  }
}

/** One number for an acceptor (below 2^21) and its number of a session or subscription (below 2^32). */
export function numberKey(outlet: Pick<Outlet, 'number'>, number: number): number {
  return outlet.number * 2 ** 32 + number;
}
