/**
 * All who look at one tenant of the node through this acceptor, and all operators of that tenant apart: what
 * they are shown is found out once a second for all of them together, and once for all who come at a time.
 */
import type { Clock } from '../../core/clock.js';
import { RequestError } from '../../core/errors.js';
import { FigureHistory, type FigurePoint, tenths } from '../../core/figure-history.js';
import type { LogTotals } from '../../core/log-figures.js';
import type { Principal } from '../../core/principal.js';
import { type StatsView, statsView } from '../../wire/views/stats-view.js';
import { failedEvent, figuresEvent } from '../../wire/views/watch-view.js';
import type { SystemRoutes } from '../routes/system-routes.js';
import type { Stream } from '../session/stream.js';
import type { Condition } from './condition.js';

/**
 * Totals of the log are asked of the database, which may have many topics: no more than a twentieth of the
 * time.
 */
const TOTALS_MS = 1_000;
const TOTALS_TIMES = 20;
/** What is younger is not found out again; less than a round, which has to find out something. */
const FRESH_MS = 500;

export interface AudienceParts {
  system: Pick<SystemRoutes, 'totals' | 'statsWith'>;
  clock: Pick<Clock, 'now' | 'monotonic'>;
  /** Of the node, which its main thread writes; null: it is for operators, and they keep their own. */
  history: FigureHistory | null;
}

export class Audience {
  readonly streams = new Set<Stream>();
  readonly condition: Condition;
  /** Monotonic ms of the last time that somebody looked. */
  seenMs: number;
  readonly #parts: AudienceParts;
  readonly #history: FigureHistory;
  #totals: readonly LogTotals[] = [];
  #totalsDueMs = 0;
  #before: { stats: StatsView; atMs: number } | null = null;
  /** What was told last, and since when that was so, monotonic ms. */
  #told: { text: string; atMs: number } | null = null;
  #finding: Promise<string> | null = null;

  constructor(parts: AudienceParts, condition: Condition) {
    this.#parts = parts;
    this.condition = condition;
    this.#history = parts.history ?? new FigureHistory('tenant');
    this.seenMs = parts.clock.monotonic();
  }

  get history(): Pick<FigureHistory, 'columns' | 'read'> {
    return this.#history;
  }

  /**
   * The event of the figures as they are now, or of why they are not known, for whoever asks as `principal`:
   * all who ask meanwhile wait for one answer. Rejects with a bug.
   */
  async figures(principal: Principal): Promise<string> {
    const nowMs = this.#parts.clock.monotonic();
    if (this.#told !== null && nowMs - this.#told.atMs < FRESH_MS) return this.#told.text;
    this.#finding ??= this.#find(principal, nowMs).finally(() => {
      this.#finding = null;
    });
    return this.#finding;
  }

  async #find(principal: Principal, atMs: number): Promise<string> {
    const text = await this.#figures(principal);
    this.#told = { text, atMs };
    return text;
  }

  async #figures(principal: Principal): Promise<string> {
    try {
      const { point, stats } = await this.#look(principal);
      return figuresEvent(point, stats);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      return failedEvent({ code: error.code, detail: error.message });
    }
  }

  async #look(principal: Principal): Promise<{ point: FigurePoint; stats: StatsView }> {
    const { system, clock, history } = this.#parts;
    const askedMs = clock.monotonic();
    if (askedMs >= this.#totalsDueMs) {
      this.#totals = await system.totals(principal);
      const tookMs = clock.monotonic() - askedMs;
      // A little less: the round that asks is a second long, more or less.
      this.#totalsDueMs = askedMs + Math.max(TOTALS_MS / 2, TOTALS_TIMES * tookMs);
    }
    const stats = statsView(await system.statsWith(principal, this.#totals));
    this.seenMs = clock.monotonic();
    if (history?.last != null) return { point: history.last, stats };
    const point = this.#point(stats);
    if (history === null) this.#history.add(point);
    return { point, stats };
  }

  /** The history of a tenant is what was seen while somebody looked. */
  #point(stats: StatsView): FigurePoint {
    const { clock } = this.#parts;
    const [before, atMs] = [this.#before, clock.now()];
    this.#before = { stats, atMs };
    const seconds = before === null ? 0 : (atMs - before.atMs) / 1_000;
    const perS = (name: 'redelivered' | 'dead_lettered'): number =>
      before === null || seconds <= 0
        ? 0
        : tenths(Math.max(0, (stats[name] - before.stats[name]) / seconds));
    return {
      atMs,
      publishedPerS: stats.messages_per_sec,
      redeliveredPerS: perS('redelivered'),
      deadLetteredPerS: perS('dead_lettered'),
      subscribers: stats.active_subscribers,
      sessions: stats.sessions ?? 0,
    };
  }
}
