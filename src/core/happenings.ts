/**
 * Gathers what happens in one thread, for a quarter of a second: the first of each tenant one by one, those
 * that follow folded by their kind. So one that is busy takes no other's place. Bounded whatever happens;
 * what found no room is counted and told.
 */
import type { Clock } from './clock.js';
import type { Happening, HappeningOf } from './happening.js';
import type { Tenant } from './topic-key.js';

const GATHERED_MS = 250;
/** Told one by one: of a tenant, and of all together. */
const SINGLE_MAX = 10;
const SINGLES_MAX = 200;
/** Kinds, by tenant, that are told as one. */
const FOLDED_MAX = 64;

export class Happenings {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #send: (happenings: Happening[]) => void;
  #single: Happening[] = [];
  readonly #singles = new Map<Tenant | null, number>();
  readonly #folded = new Map<string, Happening>();
  #lost = 0;
  #timer: NodeJS.Timeout | null = null;

  /** `send`: at most four times a second, and only where something happened. */
  constructor(clock: Pick<Clock, 'now'>, send: (happenings: Happening[]) => void) {
    this.#clock = clock;
    this.#send = send;
  }

  readonly add = (of: HappeningOf): void => {
    this.#timer ??= setTimeout(this.#flush, GATHERED_MS).unref();
    const singles = this.#singles.get(of.tenant) ?? 0;
    if (singles < SINGLE_MAX && this.#single.length < SINGLES_MAX) {
      this.#singles.set(of.tenant, singles + 1);
      this.#single.push(this.#made(of, of.count ?? 1));
      return;
    }
    const fold = `${of.kind} ${of.tenant ?? ''}`;
    const before = this.#folded.get(fold);
    if (before === undefined && this.#folded.size >= FOLDED_MAX) {
      this.#lost += of.count ?? 1;
      return;
    }
    const { kind, tenant } = of;
    this.#folded.set(fold, this.#made({ kind, tenant }, (before?.count ?? 0) + (of.count ?? 1)));
  };

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #made({ kind, tenant, topic = null, name = null }: HappeningOf, count: number): Happening {
    return { kind, tenant, topic, name, count, atMs: this.#clock.now() };
  }

  readonly #flush = (): void => {
    this.#timer = null;
    const lost = this.#lost === 0 ? [] : [this.#made({ kind: 'lost', tenant: null }, this.#lost)];
    const all = [...this.#single, ...this.#folded.values(), ...lost];
    this.#single = [];
    this.#singles.clear();
    this.#folded.clear();
    this.#lost = 0;
    this.#send(all);
  };
}
