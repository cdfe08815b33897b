/**
 * Giving dead letters back to the subscriptions that failed on them: as jobs, since there may be many. A
 * job goes through its dead letters in id order at its rate, and can be looked at and cancelled. Jobs
 * live in the worker that owns the topics, and do not outlive it: what was not given back stays where
 * it was.
 */
import { backoffMs } from '../../core/backoff.js';
import type { Clock } from '../../core/clock.js';
import type { DeadLetterFilter, DeadLetterRecord } from '../../core/dead-letter-record.js';
import { RequestError } from '../../core/errors.js';
import type { RedriveJob, RedriveMatch } from '../../core/redrive-job.js';
import { keyWithin, type Tenant, type TopicKey, tenantOf, topicKey } from '../../core/topic-key.js';
import type { SubscriptionStore } from '../../log/contract/subscription-store.js';

const CHUNK_MAX = 100;
const CHUNK_BYTES_MAX = 4 * 1024 * 1024;
/** Chunks are at least this far apart, or the rate is kept by larger ones. */
const TURN_MS = 50;
const REMEMBERED_MS = 10 * 60_000;
const REMEMBERED_MAX = 1_000;
/** Each holds a page of dead letters now and then. */
const RUNNING_MAX = 100;
const RETRY = { firstMs: 200, capMs: 5_000 };
const TRIES_MAX = 20;

export interface RedriveRequest {
  job: string;
  filter: DeadLetterFilter;
  /** At most so many. */
  limit: number;
  /** So many in a second. */
  rate: number;
}

export interface RedriveJobsOptions {
  store: SubscriptionStore;
  clock: Clock;
  /** Whether this worker has the topic. */
  owns: (key: TopicKey) => boolean;
  /** Whether the session of an ephemeral subscription is still there. */
  isLive: (record: DeadLetterRecord) => boolean;
  /** How far its durable subscription has come: what is sought back before it comes by itself. */
  deliveredOf: (record: DeadLetterRecord) => Promise<number>;
  /** It is marked: the engine takes it in. False: nobody is there after all, it is no longer marked. */
  onRedriven: (record: DeadLetterRecord) => Promise<boolean>;
  onFailed: (error: unknown) => void;
}

export class RedriveJobs {
  readonly #options: RedriveJobsOptions;
  /** By `nameOf`: a tenant has its own jobs, whatever it calls them. */
  readonly #jobs = new Map<string, RedriveJob>();
  /** Jobs that are not to start any more, the oldest first: `start` is still on its way, or never was. */
  readonly #givenUp = new Set<string>();
  /** Ends each pause that a job makes. */
  readonly #pauses = new Set<() => void>();
  #state: 'open' | 'stopped' = 'open';

  constructor(options: RedriveJobsOptions) {
    this.#options = options;
  }

  /** Its worker ends: no job gives back any more, or waits for a log that is closed. */
  stop(): void {
    this.#state = 'stopped';
    for (const job of this.#jobs.values()) if (job.state === 'running') job.state = 'cancelled';
    for (const end of this.#pauses) end();
  }

  /** The tenant's job; null: it has none of this name here. */
  find(tenant: Tenant, job: string): RedriveJob | null {
    return this.#jobs.get(nameOf(tenant, job)) ?? null;
  }

  /** False: the tenant has no such job here. What was given back stays given back. */
  cancel(tenant: Tenant, job: string): boolean {
    const found = this.#jobs.get(nameOf(tenant, job));
    if (found?.state === 'running') found.state = 'cancelled';
    return found !== undefined;
  }

  /**
   * Nobody will ever know of this job: it is cancelled, or does not start. Its start may still wait for
   * its turn or for the log, and comes behind this.
   */
  giveUp(tenant: Tenant, job: string): void {
    if (this.cancel(tenant, job)) return;
    this.#givenUp.add(nameOf(tenant, job));
    for (const oldest of this.#givenUp) {
      if (this.#givenUp.size <= REMEMBERED_MAX) break;
      this.#givenUp.delete(oldest);
    }
  }

  /**
   * What a job would find here; starts nothing. `gone`: matched, but nobody is there to take them.
   * Rejects `busy` when no more jobs may run.
   */
  async match({ filter, limit }: Pick<RedriveRequest, 'filter' | 'limit'>): Promise<RedriveMatch> {
    const { live, gone } = await this.#match(filter);
    if (live + gone > 0) this.#checkRoom();
    return { matched: Math.min(limit, live), gone };
  }

  /** Starts this worker's part, unless it was given up by then. Rejects `busy`. */
  async start(request: RedriveRequest): Promise<RedriveMatch> {
    const { filter, limit } = request;
    const name = nameOf(tenantOf(filter.within), request.job);
    const { live, gone } = await this.#match(filter);
    if (this.#givenUp.delete(name)) return { matched: 0, gone: 0 };
    // Those that nobody can take count as failed, so the job goes through them as well.
    const total = Math.min(limit, live + gone);
    if (total > 0 || this.#ownsTopic(filter)) {
      this.#checkRoom();
      const job = this.#remember(name, total);
      this.#run(request, job)
        .catch((error: unknown) => {
          if (this.#state === 'stopped') return;
          job.state = 'failed';
          this.#options.onFailed(error);
        })
        .finally(() => this.#forgetLater(name));
    }
    return { matched: Math.min(limit, live), gone };
  }

  #checkRoom(): void {
    let running = 0;
    for (const { state } of this.#jobs.values()) if (state === 'running') running++;
    if (running < RUNNING_MAX) return;
    throw new RequestError(
      'busy',
      `${RUNNING_MAX} redrive jobs are running: wait for one, or cancel`,
    );
  }

  #ownsTopic({ within }: DeadLetterFilter): boolean {
    const key = keyWithin(within);
    return key !== null && this.#options.owns(key);
  }

  async #match(filter: DeadLetterFilter): Promise<{ live: number; gone: number }> {
    if (filter.ids === null) {
      if (!this.#ownsTopic(filter)) return { live: 0, gone: 0 };
      return { live: await this.#options.store.countDeadLetters(filter), gone: 0 };
    }
    const matched = { live: 0, gone: 0 };
    let after = 0;
    for (;;) {
      const { own, last } = await this.#page(filter, after, CHUNK_MAX);
      if (last === null) return matched;
      after = last;
      for (const record of own) matched[this.#canTake(record) ? 'live' : 'gone']++;
    }
  }

  #remember(name: string, total: number): RedriveJob {
    const made: RedriveJob = { state: 'running', done: 0, total, failed: 0 };
    this.#jobs.set(name, made);
    for (const [old, { state }] of this.#jobs) {
      if (this.#jobs.size <= REMEMBERED_MAX) break;
      if (state !== 'running') this.#jobs.delete(old);
    }
    return made;
  }

  #forgetLater(name: string): void {
    setTimeout(() => this.#jobs.delete(name), REMEMBERED_MS).unref();
  }

  async #run(request: RedriveRequest, job: RedriveJob): Promise<void> {
    const { rate, filter } = request;
    const chunk = Math.min(CHUNK_MAX, Math.max(1, Math.ceil((rate * TURN_MS) / 1_000)));
    let after = 0;
    while (job.state === 'running' && job.done + job.failed < job.total) {
      const left = job.total - job.done - job.failed;
      const { own, last } = await this.#page(filter, after, Math.min(chunk, left));
      if (last === null) break;
      after = last;
      if (own.length === 0) continue;
      await this.#redrive(tenantOf(filter.within), own, job);
      await this.#pause((own.length / rate) * 1_000);
    }
    // What was purged, given back by others, or went with its topic or subscription meanwhile.
    if (job.state === 'running') job.failed = job.total - job.done;
    if (job.state === 'running') job.state = 'done';
  }

  async #redrive(
    tenant: Tenant,
    records: readonly DeadLetterRecord[],
    job: RedriveJob,
  ): Promise<void> {
    const ids = await this.#takeable(records);
    let done = 0;
    for (const record of await this.#mark(tenant, ids)) {
      if (await this.#try(() => this.#options.onRedriven(record))) done++;
    }
    job.done += done;
    job.failed += records.length - done;
  }

  async #takeable(records: readonly DeadLetterRecord[]): Promise<number[]> {
    const delivered = new Map<number, number>();
    const ids: number[] = [];
    for (const record of records) {
      if (!this.#canTake(record)) continue;
      const { id, subscriptionId, row } = record;
      if (subscriptionId !== null && !delivered.has(subscriptionId)) {
        const upTo = await this.#try(() => this.#options.deliveredOf(record));
        delivered.set(subscriptionId, upTo);
      }
      if (row.sequence <= (delivered.get(subscriptionId ?? 0) ?? row.sequence)) ids.push(id);
    }
    return ids;
  }

  /** Those that are marked now. A repeat also finds those whose answer was lost with a connection. */
  async #mark(tenant: Tenant, ids: readonly number[]): Promise<DeadLetterRecord[]> {
    if (ids.length === 0) return [];
    const { store } = this.#options;
    const filter = { within: tenant, subscription: null, ids };
    const page = { after: 0, limit: ids.length, bytesMax: Number.MAX_SAFE_INTEGER };
    let isRepeat = false;
    return this.#try(async () => {
      const known = isRepeat ? await store.listDeadLetters(filter, page) : [];
      isRepeat = true;
      return [...known.filter(({ redriven }) => redriven), ...(await store.redrive(tenant, ids))];
    });
  }

  /** A page of the store: those of this worker's topics, and its last id of any; null: it is empty. */
  async #page(
    filter: DeadLetterFilter,
    after: number,
    limit: number,
  ): Promise<{ own: DeadLetterRecord[]; last: number | null }> {
    const { store, owns } = this.#options;
    const page = { after, limit, bytesMax: CHUNK_BYTES_MAX };
    const records = await this.#try(() => store.listDeadLetters(filter, page));
    const tenant = tenantOf(filter.within);
    return {
      own: records.filter(({ topic, redriven }) => owns(topicKey(tenant, topic)) && !redriven),
      last: records.at(-1)?.id ?? null,
    };
  }

  #canTake(record: DeadLetterRecord): boolean {
    return record.subscriptionId !== null || this.#options.isLive(record);
  }

  /** Again while the log is away; rejects in the end. */
  async #try<T>(ask: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await ask();
      } catch (error) {
        if (attempt >= TRIES_MAX) throw error;
        await this.#pause(backoffMs(attempt, RETRY, this.#options.clock.random));
        if (this.#state === 'stopped') throw error;
      }
    }
  }

  #pause(ms: number): Promise<void> {
    if (this.#state === 'stopped') return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#pauses.delete(end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.#pauses.add(end);
    });
  }
}

/** A tenant's name has no NUL: two tenants' jobs never have the same. */
function nameOf(tenant: Tenant, job: string): string {
  return `${tenant}\0${job}`;
}
