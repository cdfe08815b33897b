/**
 * The log's periodic work on a connection of its own: leaves every hour, retention and purges every minute, a
 * vacuum of what is small once a snapshot has ended that kept dead rows. Each task is placed on one node of
 * those that live; upkeep-task.ts holds that it is done once also where they are not of one mind.
 */
import type { Clock } from '../../../core/clock.js';
import type { Limits } from '../../../core/limits.js';
import type { HeldSnapshot } from '../../../core/log-figures.js';
import type { Queryable } from '../session/queryable.js';
import { vacuumDead } from './dead-rows.js';
import { purgeLostNodes } from './lost-nodes.js';
import { expiredKeys, type OldRows, oldAudit, oldFailures, oldReleases } from './old-rows.js';
import { dropOldLeaves, makeLeaves } from './partitions.js';
import { applyRetention } from './retention.js';
import { settlePastDays } from './settled-heads.js';
import { SnapshotWatch } from './snapshot-watch.js';
import { purgeOrphans, returnGiven } from './subscription-purge.js';
import { runTask, type UpkeepTask } from './upkeep-task.js';

const TURN_MS = 60_000;
/** While another node is at a task of ours: it may have been frozen at it. */
const BUSY_MS = 1_000;
/** A node that is frozen has its lock for so long: its session ends with it. */
const IDLE_MS = 3_000;
const STATEMENT_TIMEOUT_MS = 60_000;
/** How long the server may say nothing. */
export const UPKEEP_ANSWER_MS = STATEMENT_TIMEOUT_MS + 2_000;
/** Shorter than their period by less than a turn, so that turns that drift do not skip one. */
const PARTITIONS_EVERY = '59 minutes 30 seconds';
const MINUTELY = '50 seconds';

export interface UpkeepClient extends Queryable {
  end(): Promise<void>;
}

export interface UpkeepOptions {
  connect: () => Promise<UpkeepClient>;
  clock: Clock;
  limits: Pick<Limits, 'auditDays' | 'retentionHours' | 'snapshotWarnS'>;
  /** Whether this worker, of all that there are, does the task now. */
  keepsUp: (task: string) => boolean;
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
  readonly #tasks: readonly UpkeepTask[];
  /** Until the next turn. */
  #nextMs = TURN_MS;

  constructor(options: UpkeepOptions) {
    this.#options = options;
    this.#watch = this.#makeWatch();
    this.#tasks = this.#makeTasks();
    this.#ranAtMs = options.clock.monotonic();
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
    await this.#withClient((client) => makeLeaves(client));
    if (this.#state === 'stopped') return;
    this.#state = 'started';
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

  /** What is due and placed here, now; the timer calls it every minute. */
  async turn(): Promise<void> {
    this.#nextMs = TURN_MS;
    if (this.#placed().length > 0) await this.#withClient((client) => this.#run(client));
    this.#ranAtMs = this.#options.clock.monotonic();
  }

  /** Tasks may have come here from a node that is gone: a turn at once. */
  moved(): void {
    if (this.#state === 'started') this.#turnNow();
    else this.#nextMs = 0;
  }

  #placed(): UpkeepTask[] {
    return this.#tasks.filter(({ name }) => this.#options.keepsUp(name));
  }

  #makeTasks(): UpkeepTask[] {
    const { clock, limits } = this.#options;
    const byTime = [expiredKeys(clock), oldReleases(clock), oldFailures(clock)];
    const oldRows: OldRows[] = [...byTime, oldAudit(clock, limits.auditDays)];
    const retention = async (session: Queryable): Promise<'done'> => {
      await applyRetention(session, limits.retentionHours);
      // Soon after midnight: until then who locks yesterday's leaf holds up appends to what rests since.
      await settlePastDays(session);
      return 'done';
    };
    const expiry = async (session: Queryable): Promise<'done'> => {
      for (const rows of oldRows) await rows.purge(session);
      return 'done';
    };
    const orphans = async (session: Queryable): Promise<'done'> => {
      await purgeOrphans(session, clock);
      await returnGiven(session, clock);
      await purgeLostNodes(session);
      return 'done';
    };
    return [
      { name: 'partitions', every: PARTITIONS_EVERY, run: (session) => this.#keepLeaves(session) },
      { name: 'retention', every: MINUTELY, run: retention },
      { name: 'expiry', every: MINUTELY, run: expiry },
      { name: 'orphans', every: MINUTELY, run: orphans },
    ];
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
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#turnNow(), this.#nextMs);
    this.#timer.unref();
  }

  #turnNow(): void {
    this.#next(() => this.turn().finally(() => this.#arm()));
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

  /** A task that fails is in the way of no other. */
  async #run(client: UpkeepClient): Promise<void> {
    const faults: unknown[] = [];
    for (const task of this.#placed()) {
      try {
        if ((await runTask(client, task)) === 'busy') this.#nextMs = BUSY_MS;
      } catch (error) {
        faults.push(error);
      }
    }
    if (faults.length > 0) throw faults[0];
  }

  /** What somebody's lock or snapshot holds up is tried again in the next turn. */
  async #keepLeaves(session: Queryable): Promise<'done' | 'again'> {
    const { limits, onTrouble } = this.#options;
    let isDue = false;
    try {
      await makeLeaves(session);
    } catch (error) {
      if (this.#state === 'stopped') throw error;
      isDue = true;
      onTrouble(error);
    }
    const { waiting } = await dropOldLeaves(session, limits.retentionHours);
    return isDue || waiting.length > 0 ? 'again' : 'done';
  }

  /** A connection per turn: none stays open for one second's work a minute. */
  async #withClient(work: (client: UpkeepClient) => Promise<unknown>): Promise<void> {
    const client = await this.#options.connect();
    // A stop that came meanwhile had no client to end, and waits for this.
    if (this.#state === 'stopped') return client.end();
    this.#client = client;
    try {
      await client.query(
        `SET statement_timeout = ${STATEMENT_TIMEOUT_MS}; SET idle_session_timeout = ${IDLE_MS}`,
      );
      await work(client);
    } finally {
      this.#client = null;
      await client.end();
    }
  }
}
