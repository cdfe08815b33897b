/** What this acceptor has answered over HTTP, and how long it took: plain numbers. */

import { eachMember } from '../../core/each-member.js';
import type { ErrorCode } from '../../core/errors.js';
import { ERRORS } from '../../core/errors.js';
import { Histogram } from '../../observe/histogram.js';
import { DURATION_BOUNDS, ROUTES_MAX, STATUS_CLASSES } from '../../observe/metrics.js';

/** What a request is counted under. */
export interface CountedAs {
  readonly method: string;
  /** As the table of routes has it. */
  readonly path: string;
}

const MS_PER_S = 1_000;
const CLASSES = STATUS_CLASSES.length;

export type SocketEnd = 'client' | 'abrupt' | 'server';

export class Traffic {
  /** WebSocket sessions and streams. */
  opened = 0;
  readonly closed: Record<SocketEnd, number> = { client: 0, abrupt: 0, server: 0 };
  /** Of HTTP and WebSocket. */
  readonly errors: Record<ErrorCode, number> = eachMember(ERRORS, () => 0);
  /** By route, and for each by class of status. */
  readonly requests = new Float64Array(ROUTES_MAX * CLASSES);
  readonly seconds = new Histogram(DURATION_BOUNDS);
  readonly #slots = new Map<CountedAs, number>();

  /** The routes there are. Throws where they have no room. */
  mount(routes: readonly CountedAs[]): void {
    if (routes.length >= ROUTES_MAX) throw new Error(`there are ${routes.length} routes`);
    for (const route of routes) this.#slots.set(route, this.#slots.size * CLASSES);
  }

  /** Labels of a number of `requests`; null: there is no such route. */
  labelsOf(slot: number): Record<string, string> | null {
    const route = [...this.#slots.keys()][Math.floor(slot / CLASSES)];
    const status = STATUS_CLASSES[slot % CLASSES];
    if (route === undefined || status === undefined) return null;
    return { method: route.method, route: route.path, status };
  }

  refused(code: ErrorCode): void {
    this.errors[code]++;
  }

  /** `asks` null: it asked for nothing that has a route. `startedMs`: by performance.now. */
  answered(asks: CountedAs | null, status: number, startedMs: number): void {
    const slot = asks === null ? undefined : this.#slots.get(asks);
    if (slot === undefined) return;
    const place = slot + Math.floor(status / 100) - 2;
    this.requests[place] = (this.requests[place] ?? 0) + 1;
    this.seconds.observe((performance.now() - startedMs) / MS_PER_S);
  }
}
