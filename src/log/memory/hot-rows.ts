/**
 * The newest rows of one topic, in memory: a deque by sequence, bounded by whoever owns it. Rows
 * lie packed in slabs (no object per row is kept, so that neither the heap nor a publisher's
 * transferred buffer grows with them); a slab is freed when its last row is evicted. Slabs start
 * small and double, so that a topic with few messages costs little.
 */
import type { LogRow, Publication } from '../../core/message.js';
import { type RowTimes, rowSpan, Slab } from './slab.js';

const SLAB_BYTES_FIRST = 2 * 1024;
const SLAB_BYTES_MAX = 256 * 1024;
/** Evicted slabs at the front of the array are dropped in bulk. */
const DEAD_SLABS_MAX = 32;

export class HotRows {
  #slabs: Slab[] = [];
  /** Index of the first slab that has rows. */
  #from = 0;
  #first = 1;
  #last = 0;
  #bytes = 0;
  #capacity = 0;

  /** First sequence here; last + 1 when empty. */
  get first(): number {
    return this.#first;
  }

  /** Last sequence that was appended; 0: none yet. */
  get last(): number {
    return this.#last;
  }

  get count(): number {
    return this.#last - this.#first + 1;
  }

  /** Of the rows here, as rowBytes reckons them. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes of memory held: slabs, their unused and evicted parts included. */
  get capacity(): number {
    return this.#capacity;
  }

  get slabs(): number {
    return this.#slabs.length - this.#from;
  }

  /** Copies the message to the end, as sequence last + 1. */
  append(message: RowTimes, publication: Publication): void {
    const span = rowSpan(publication);
    let slab = this.#slabs[this.#slabs.length - 1];
    if (slab === undefined || this.#from === this.#slabs.length || slab.room < span) {
      slab = this.#addSlab(span, slab);
    }
    this.#bytes += slab.append(message, publication);
    this.#last++;
  }

  /**
   * The row; undefined when it is not, or no longer, here. Payload and id are views of the slab.
   */
  at(sequence: number): LogRow | undefined {
    if (sequence < this.#first || sequence > this.#last) return undefined;
    const slab = this.#slabs[this.#slabOf(sequence)];
    return slab?.rowAt(sequence);
  }

  /** Bytes of a row that is here, as rowBytes reckons them. */
  sizeAt(sequence: number): number {
    return this.#slabs[this.#slabOf(sequence)]?.bytesAt(sequence) ?? 0;
  }

  publishedAtMs(sequence: number): number {
    return this.#slabs[this.#slabOf(sequence)]?.publishedAtMs(sequence) ?? 0;
  }

  /** First sequence here published at or after the time; last + 1 when none was. */
  sequenceAt(timeMs: number): number {
    let low = this.#first;
    let high = this.#last + 1;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.publishedAtMs(middle) >= timeMs) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Evicts from the front until `first` is `sequence` (at most last + 1). */
  evictBelow(sequence: number): void {
    const to = Math.min(sequence, this.#last + 1);
    while (this.#first < to) {
      const slab = this.#slabs[this.#from];
      if (slab === undefined) return;
      if (slab.last < to) this.#dropSlab(slab);
      else this.#evictOne(slab);
    }
    if (this.#from > DEAD_SLABS_MAX && this.#from * 2 > this.#slabs.length) {
      this.#slabs = this.#slabs.slice(this.#from);
      this.#from = 0;
    }
  }

  /** Evicts from the front while either bound is passed; the newest row stays. */
  evictOver(messagesMax: number, bytesMax: number): void {
    if (this.count <= messagesMax && this.#bytes <= bytesMax) return;
    let to = Math.max(this.#first, this.#last - messagesMax + 1);
    let bytes = this.#bytes;
    for (let at = this.#first; at < to; at++) bytes -= this.sizeAt(at);
    while (bytes > bytesMax && to < this.#last) bytes -= this.sizeAt(to++);
    this.evictBelow(to);
  }

  /** Evicts the rows of the oldest slab: memory is freed by slabs. */
  evictOldestSlab(): void {
    const slab = this.#slabs[this.#from];
    if (slab !== undefined) this.evictBelow(slab.last + 1);
  }

  #addSlab(span: number, newest: Slab | undefined): Slab {
    const grown = newest === undefined ? SLAB_BYTES_FIRST : newest.capacity * 2;
    const capacity = Math.max(span, Math.min(grown, SLAB_BYTES_MAX));
    const slab = new Slab(capacity, this.#last + 1);
    this.#slabs.push(slab);
    this.#capacity += capacity;
    return slab;
  }

  #dropSlab(slab: Slab): void {
    for (let at = this.#first; at <= slab.last; at++) this.#bytes -= slab.bytesAt(at);
    this.#first = slab.last + 1;
    this.#capacity -= slab.capacity;
    slab.free();
    this.#from++;
  }

  #evictOne(slab: Slab): void {
    this.#bytes -= slab.bytesAt(this.#first);
    this.#first++;
  }

  #slabOf(sequence: number): number {
    let low = this.#from;
    let high = this.#slabs.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#slabs[middle]?.last ?? 0) < sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
