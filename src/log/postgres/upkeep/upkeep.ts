/**
 * The log's periodic work on a connection of its own: leaves every hour, retention every minute, a vacuum of
 * what is small once a snapshot has ended that kept dead rows. Every worker of every node asks;
 * conduit.upkeep says whose turn it is.
 */
import type { Clock } from '../../../core/clock.js';
import type { Limits } from '../../../core/limits.js';
import type { HeldSnapshot } from '../../../core/log-figures.js';
import type { Queryable } from '../session/queryable.js';
import { vacuumDead } from './dead-rows.js';
import { expiredKeys, type OldRows, oldFailures, oldReleases } from './old-rows.js';
import { dropOldLeaves, makeLeaves } from './partitions.js';
import { applyRetention } from './retention.js';
import { settlePastDays } from './settled-heads.js';
import { SnapshotWatch } from './snapshot-watch.js';
import { purgeOrphans, returnGiven } from './subscription-purge.js';

const TURN_MS = 60_000;
const STATEMENT_TIMEOUT_MS = 60_000;
/** How long the server may say nothing. */
export const UPKEEP_ANSWER_MS = STATEMENT_TIMEOUT_MS + 2_000;
/** Shorter than their period by less than a turn, so that turns that drift do not skip one. */
const PARTITIONS_EVERY = '59 minutes 30 seconds';
const RETENTION_EVERY = '50 seconds';

const CLAIM_SQL = `UPDATE conduit.upkeep SET ran_at = clock_timestamp()
  WHERE task = $1 AND ran_at < clock_timestamp() - $2::interval RETURNING task`;

/** The next turn of anybody does it. */
const DUE_SQL = `UPDATE conduit.upkeep SET ran_at = '-infinity' WHERE task = $1`;

export interface UpkeepClient extends Queryable {
  end(): Promise<void>;
}

export interface UpkeepOptions {
  connect: () => Promise<UpkeepClient>;
  clock: Clock;
  limits: Pick<Limits, 'retentionHours' | 'snapshotWarnS'>;
  /** For looks at what goes on in the database. */
  db: Queryable;
  /** Null: snapshots are not looked for. */
  onSnapshot: ((oldest: HeldSnapshot | null) => void) | null;
  /** A turn failed; the next is tried as usual. */
  onTrouble: (error: unknown) => void;
}

export class Upkeep {
  readonly #options: UpkeepOptions;
  #state: 'new' | 'started' | 'stopped' = 'new';
  #timer: NodeJS.Timeout | null = null;
  #turn: Promise<void> = Promise.resolve();
  #client: UpkeepClient | null = null;
  #ranAtMs: number;
  readonly #watch: SnapshotWatch | null;
  readonly #oldRows: readonly OldRows[];

  constructor(options: UpkeepOptions) {
    this.#options = options;
    this.#watch = this.#makeWatch();
    const { clock } = options;
    this.#oldRows = [expiredKeys(clock), oldReleases(clock), oldFailures(clock)];
    this.#ranAtMs = clock.monotonic();
  }

  /** Since it last ran without a fault, ms. */
  get sinceMs(): number {
    return Math.round(this.#options.clock.monotonic() - this.#ranAtMs);
  }

  /** Whoever has held one for too long; null: nobody, or it is not looked for. */
  get snapshot(): HeldSnapshot | null {
    return this.#watch?.oldest ?? null;
  }

  /** Rejects when the leaves of today and the next days cannot be made. */
  async start(): Promise<void> {
    this.#state = 'started';
    await this.#withClient((client) => makeLeaves(client));
    this.#arm();
    this.#watch?.start();
  }

  /** A turn under way is broken off: what it would have done is still there for the next. */
  async stop(): Promise<void> {
    this.#state = 'stopped';
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#watch?.stop();
    await this.#client?.end();
    await this.#turn;
  }

  /** What is due and nobody else does, now; the timer calls it every minute. */
  turn(): Promise<void> {
    return this.#withClient((client) => this.#run(client));
  }

  #makeWatch(): SnapshotWatch | null {
    const { db, clock, limits, onSnapshot, onTrouble } = this.#options;
    if (onSnapshot === null) return null;
    return new SnapshotWatch({
      db,
      clock,
      warnMs: limits.snapshotWarnS * 1_000,
      retentionHours: limits.retentionHours,
      onOldest: onSnapshot,
      onReleased: () => this.#next(() => this.#withClient(vacuumDead)),
      onTrouble,
    });
  }

  #arm(): void {
    if (this.#state === 'stopped') return;
    this.#timer = setTimeout(() => {
      this.#next(() => this.turn().finally(() => this.#arm()));
    }, TURN_MS);
    this.#timer.unref();
  }

  /** Behind what is under way. */
  #next(work: () => Promise<void>): void {
    this.#turn = this.#turn
      .then(async () => {
        if (this.#state !== 'stopped') await work();
      })
      .catch((error: unknown) => {
        if (this.#state === 'started') this.#options.onTrouble(error);
      });
  }

  async #run(client: UpkeepClient): Promise<void> {
    const { retentionHours } = this.#options.limits;
    if (await isOurs(client, 'partitions', PARTITIONS_EVERY)) await this.#keepLeaves(client);
    if (await isOurs(client, 'retention', RETENTION_EVERY)) {
      await applyRetention(client, retentionHours);
      for (const rows of this.#oldRows) await rows.purge(client);
      await purgeOrphans(client, this.#options.clock);
      await returnGiven(client, this.#options.clock);
      // Soon after midnight: until then who locks yesterday's leaf holds up appends to what rests since.
      await settlePastDays(client);
    }
  }

  /** What somebody's lock or snapshot holds up is tried again in the next turn. */
  async #keepLeaves(client: UpkeepClient): Promise<void> {
    const { limits, onTrouble } = this.#options;
    let isDue = false;
    try {
      await makeLeaves(client);
    } catch (error) {
      if (this.#state === 'stopped') throw error;
      isDue = true;
      onTrouble(error);
    }
    const { waiting } = await dropOldLeaves(client, limits.retentionHours);
    if (isDue || waiting.length > 0) await client.query(DUE_SQL, ['partitions']);
  }

  /** A connection per turn: none stays open for one second's work a minute. */
  async #withClient(work: (client: UpkeepClient) => Promise<unknown>): Promise<void> {
    const client = await this.#options.connect();
    // A stop that came meanwhile had no client to end, and waits for this.
    if (this.#state === 'stopped') return client.end();
    this.#client = client;
    try {
      await client.query(`SET statement_timeout = ${STATEMENT_TIMEOUT_MS}`);
      await work(client);
      this.#ranAtMs = this.#options.clock.monotonic();
    } finally {
      this.#client = null;
      await client.end();
    }
  }
}

async function isOurs(client: Queryable, task: string, every: string): Promise<boolean> {
  const { rows } = await client.query(CLAIM_SQL, [task, every]);
  return rows.length > 0;
}
