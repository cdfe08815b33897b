/**
 * What changes slowly, for one audience: the health of the node, the nodes there are, and which durable
 * subscriptions need somebody. Found out about every two seconds, for all of the audience together.
 */
import type { Clock } from '../../core/clock.js';
import { RequestError } from '../../core/errors.js';
import type { Principal } from '../../core/principal.js';
import { nodeListView } from '../../wire/views/node-list-view.js';
import {
  type ConcernView,
  type ConditionView,
  concernsOf,
  conditionEvent,
} from '../../wire/views/watch-view.js';
import type { SubscriptionRoutes } from '../routes/subscription-routes.js';
import type { SystemRoutes } from '../routes/system-routes.js';

/** A little less: the round that asks is a second long, more or less. */
const EVERY_MS = 1_500;
/** Of the subscriptions, which are asked of the database. */
const CONCERNS_MS = 4_500;
const LOOKED_AT = { topic: null, after: null, limit: 200 };

export interface ConditionParts {
  system: Pick<SystemRoutes, 'healthFor' | 'nodes'>;
  subscriptions: Pick<SubscriptionRoutes, 'list'>;
  nodeId: string;
  clock: Pick<Clock, 'monotonic'>;
}

export class Condition {
  /** The last event; '': there was none. */
  text = '';
  readonly #parts: ConditionParts;
  #state: 'idle' | 'asking' = 'idle';
  #dueMs = 0;
  #concerns: ConcernView[] | null = null;
  #concernsDueMs = 0;

  constructor(parts: ConditionParts) {
    this.#parts = parts;
  }

  /**
   * The event, or '' when it is not yet time, or the node cannot say; what of it it cannot say is left out.
   * Rejects with a bug.
   */
  async due(principal: Principal): Promise<string> {
    const nowMs = this.#parts.clock.monotonic();
    if (this.#state === 'asking' || nowMs < this.#dueMs) return '';
    this.#state = 'asking';
    this.#dueMs = nowMs + EVERY_MS;
    try {
      return await this.#look(principal, nowMs);
    } finally {
      this.#state = 'idle';
    }
  }

  /** Nobody looks any more. */
  forget(): void {
    this.text = '';
    this.#dueMs = 0;
    this.#concerns = null;
  }

  async #look(principal: Principal, nowMs: number): Promise<string> {
    const [health, nodes, concerns] = await Promise.all([
      orNone(this.#parts.system.healthFor(principal)),
      principal.may('operate') ? orNone(this.#nodes(principal)) : null,
      principal.may('subscribe') ? orNone(this.#looked(principal, nowMs)) : null,
    ]);
    // Nobody looks any more: whoever comes is not told how it was.
    if (health === null || this.#dueMs === 0) return '';
    this.text = conditionEvent({
      health,
      ...(nodes === null ? {} : { nodes }),
      ...(concerns === null ? {} : { concerns }),
    });
    return this.text;
  }

  async #nodes(principal: Principal): Promise<NonNullable<ConditionView['nodes']>> {
    return nodeListView(await this.#parts.system.nodes(principal), this.#parts.nodeId).nodes;
  }

  async #looked(principal: Principal, nowMs: number): Promise<ConcernView[]> {
    if (this.#concerns !== null && nowMs < this.#concernsDueMs) return this.#concerns;
    const all = await this.#parts.subscriptions.list(principal, LOOKED_AT);
    this.#concerns = concernsOf(all);
    this.#concernsDueMs = nowMs + CONCERNS_MS;
    return this.#concerns;
  }
}

/** None while the node cannot say. */
async function orNone<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof RequestError) return null;
    throw error;
  }
}
