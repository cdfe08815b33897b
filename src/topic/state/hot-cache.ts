/**
 * The newest chunks of the topics that have subscriptions, so that a session that lags a little is not
 * fed from the log. HotCacheBudget bounds all topics of the worker together; who was appended to
 * least recently gives way first.
 */
import type { Chunk } from './chunk.js';

/** Frames are kept beside rows, about as large: a chunk is reckoned at twice its rows. */
const FRAMES_FACTOR = 2;

export class HotCacheBudget {
  readonly #bytesMax: number;
  #bytes = 0;
  /** In the order of the last append: Map keeps insertion order. */
  readonly #caches = new Map<HotCache, true>();

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** After a cache took chunks: counts them and evicts until the budget holds. */
  grew(cache: HotCache, bytes: number): void {
    this.#bytes += bytes * FRAMES_FACTOR;
    this.#caches.delete(cache);
    this.#caches.set(cache, true);
    while (this.#bytes > this.#bytesMax) {
      const coldest = this.#caches.keys().next().value;
      if (coldest === undefined) return;
      const freed = coldest.evictOldest();
      this.#bytes -= freed * FRAMES_FACTOR;
      if (freed === 0) this.#caches.delete(coldest);
    }
  }

  shrank(cache: HotCache, bytes: number): void {
    this.#bytes -= bytes * FRAMES_FACTOR;
    this.#caches.delete(cache);
  }
}

/** The chunks of one topic: consecutive, oldest first. */
export class HotCache {
  readonly #budget: HotCacheBudget;
  #chunks: Chunk[] = [];
  /** Evicted chunks at the front of the array, dropped in bulk. */
  #from = 0;
  #bytes = 0;

  constructor(budget: HotCacheBudget) {
    this.#budget = budget;
  }

  /** As the budget reckons them. */
  get bytes(): number {
    return this.#bytes * FRAMES_FACTOR;
  }

  /** The chunk that holds the sequence; undefined when it is not (or no longer) here. */
  find(sequence: number): Chunk | undefined {
    let low = this.#from;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#chunks[middle]?.last ?? 0) < sequence) low = middle + 1;
      else high = middle;
    }
    const chunk = this.#chunks[low];
    return chunk !== undefined && chunk.first <= sequence ? chunk : undefined;
  }

  /** Chunks that follow those here without a hole; a hole drops what is here first. */
  append(chunks: readonly Chunk[]): void {
    const first = chunks[0];
    if (first === undefined) return;
    const newest = this.#chunks.at(-1);
    if (newest !== undefined && newest.last + 1 !== first.first) this.clear();
    let bytes = 0;
    for (const chunk of chunks) {
      this.#chunks.push(chunk);
      bytes += chunk.bytes;
    }
    this.#bytes += bytes;
    this.#budget.grew(this, bytes);
  }

  /** Bytes freed; 0 when there was nothing. */
  evictOldest(): number {
    const chunk = this.#chunks[this.#from];
    if (chunk === undefined) return 0;
    this.#from++;
    this.#bytes -= chunk.bytes;
    if (this.#from * 2 > this.#chunks.length) {
      this.#chunks = this.#chunks.slice(this.#from);
      this.#from = 0;
    }
    return chunk.bytes;
  }

  clear(): void {
    this.#budget.shrank(this, this.#bytes);
    this.#chunks = [];
    this.#from = 0;
    this.#bytes = 0;
  }
}
