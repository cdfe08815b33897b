/**
 * Trouble that lasts, told as few lines: one when it begins, one a minute with a count, one when it is over.
 * Per kind and node: whichever threads meet it, and however often. Owned by the main thread.
 */
import type { Clock } from '../core/clock.js';
import type { Logger } from './logger.js';

const LOOK_MS = 1_000;
/** Trouble that comes back sooner is the same outage. */
const SETTLED_MS = 3_000;
const AGAIN_MS = 60_000;
/** What nobody says the end of ends when it has not come for so long. */
const QUIET_MS = 60_000;
/** It goes on. */
const RECENT_MS = 15_000;
/** Names are in some of them; what comes on top is one kind. */
const KINDS_MAX = 50;
const OTHER = 'other trouble';

export interface Trouble {
  /** The same words for the same trouble. */
  kind: string;
  /** The words of this one. */
  line: string;
  /** One line. */
  cause: string;
  /** Null: the cause says it all. */
  stack: string | null;
}

export interface OutagesOptions {
  clock: Pick<Clock, 'monotonic'>;
  logger: Pick<Logger, 'tell'>;
}

interface Outage {
  kind: string;
  sinceMs: number;
  lastMs: number;
  toldMs: number;
  count: number;
  cause: string;
  /** Those who have not said that it is over. */
  sources: Set<string>;
  /** NaN: it is not over. */
  overMs: number;
}

export class Outages {
  readonly #options: OutagesOptions;
  readonly #outages = new Map<string, Outage>();
  #timer: NodeJS.Timeout | null = null;

  constructor(options: OutagesOptions) {
    this.#options = options;
  }

  /** `times`: how often, since the source last said so. */
  trouble(source: string, trouble: Trouble, times: number): void {
    const now = this.#options.clock.monotonic();
    const isRoom = this.#outages.size < KINDS_MAX || this.#outages.has(trouble.kind);
    const kind = isRoom ? trouble.kind : OTHER;
    const outage = this.#outages.get(kind) ?? this.#begin(source, kind, trouble);
    outage.lastMs = now;
    outage.count += times;
    outage.cause = trouble.cause;
    outage.sources.add(source);
    outage.overMs = Number.NaN;
  }

  over(source: string, kind: string): void {
    const outage = this.#outages.get(kind);
    if (outage === undefined || !outage.sources.delete(source)) return;
    if (outage.sources.size === 0) outage.overMs = this.#options.clock.monotonic();
  }

  /** The source has ended: it says nothing any more. */
  gone(source: string): void {
    for (const kind of this.#outages.keys()) this.over(source, kind);
  }

  /** Says what is due; the timer calls it. */
  look(): void {
    const now = this.#options.clock.monotonic();
    for (const outage of this.#outages.values()) {
      if (now - outage.lastMs >= QUIET_MS) this.#end(outage, outage.lastMs);
      else if (now - outage.overMs >= SETTLED_MS) this.#end(outage, outage.overMs);
      else if (now - outage.toldMs >= AGAIN_MS && now - outage.lastMs < RECENT_MS) {
        this.#tellAgain(outage, now);
      }
    }
  }

  /** Kinds that last. */
  get size(): number {
    return this.#outages.size;
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#outages.clear();
  }

  #begin(source: string, kind: string, { line, cause, stack }: Trouble): Outage {
    const now = this.#options.clock.monotonic();
    const times = { sinceMs: now, lastMs: now, toldMs: now, overMs: Number.NaN };
    const outage = { kind, ...times, count: 0, cause, sources: new Set<string>() };
    this.#outages.set(kind, outage);
    this.#timer ??= setInterval(() => this.look(), LOOK_MS).unref();
    this.#options.logger.tell('trouble.began', { about: source, kind, cause, stack }, line);
    return outage;
  }

  #tellAgain(outage: Outage, now: number): void {
    const { kind, count, cause, sinceMs } = outage;
    outage.toldMs = now;
    const forS = seconds(now - sinceMs);
    const line = `${kind}: for ${forS} s now, ${count} times`;
    this.#options.logger.tell('trouble.lasts', { kind, cause, count, for_s: forS }, line);
  }

  #end({ kind, count, sinceMs }: Outage, endedMs: number): void {
    this.#outages.delete(kind);
    if (this.#outages.size === 0) this.close();
    // What came once and was not said to be over was no outage.
    if (count === 1 && endedMs === sinceMs) return;
    const forS = seconds(endedMs - sinceMs);
    const line = `${kind}: over after ${forS} s, ${count} times`;
    this.#options.logger.tell('trouble.over', { kind, count, for_s: forS }, line);
  }
}

function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}
