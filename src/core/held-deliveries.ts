/**
 * What one session was given of a subscription that another node coordinates, and has not settled: which
 * messages, at which attempt. It is told to whoever coordinates next. Pure.
 */

/** A delivery that is under way. */
export interface HeldDelivery {
  sequence: number;
  /** From 1 on. */
  attempt: number;
}

interface Held extends HeldDelivery {
  id: string;
  /** Whether it may still be refused by the socket, as part of a page. */
  isOfPage: boolean;
}

/** Twice the largest window: what is beyond it has failed there, for lack of an ack. */
export const HELD_MAX = 2_048;
/** So far above what was delivered it is adopted: a seek back may lie between, which gives it all again. */
export const ADOPTED_AHEAD_MAX = HELD_MAX + HELD_MAX / 2;

export class HeldDeliveries {
  /** By sequence, those that were given first in front. */
  readonly #held = new Map<number, Held>();
  readonly #byId = new Map<string, Held>();

  get list(): HeldDelivery[] {
    return [...this.#held.values()].map(({ sequence, attempt }) => ({ sequence, attempt }));
  }

  /** `messageId`: 16 bytes; null: not known. */
  given(delivery: HeldDelivery, messageId: Uint8Array | null): void {
    this.#add(delivery, messageId, false);
  }

  /** It was handed over while it was coordinated here, maybe in a page that is still to be refused. */
  wasGiven(delivery: HeldDelivery, messageId: Uint8Array | null): void {
    this.#add(delivery, messageId, true);
  }

  /** A page of then was refused after `lastSequence`; false: nothing of it is held. */
  refusedAfter(lastSequence: number): boolean {
    const refused = [...this.#held.values()].filter(
      ({ sequence, isOfPage }) => isOfPage && sequence > lastSequence,
    );
    for (const { sequence } of refused) this.settled(sequence);
    return refused.length > 0;
  }

  #add({ sequence, attempt }: HeldDelivery, messageId: Uint8Array | null, isOfPage: boolean): void {
    this.settled(sequence);
    const id = messageId === null ? '' : textOf(messageId);
    const held = { sequence, attempt, id, isOfPage };
    this.#held.set(sequence, held);
    if (id !== '') this.#byId.set(id, held);
    if (this.#held.size <= HELD_MAX) return;
    for (const oldest of this.#held.keys()) {
      this.settled(oldest);
      break;
    }
  }

  /** 0: none of that id is held. */
  sequenceOf(messageId: Uint8Array): number {
    return this.#byId.get(textOf(messageId))?.sequence ?? 0;
  }

  /** 16 bytes; null: it is not held, or its id is not known. */
  idOf(sequence: number): Uint8Array | null {
    const id = this.#held.get(sequence)?.id ?? '';
    return id === '' ? null : Buffer.from(id, 'latin1');
  }

  settled(sequence: number): void {
    const held = this.#held.get(sequence);
    if (held === undefined) return;
    this.#held.delete(sequence);
    if (this.#byId.get(held.id) === held) this.#byId.delete(held.id);
  }

  settledUpTo(sequence: number): void {
    for (const one of [...this.#held.keys()]) if (one <= sequence) this.settled(one);
  }

  clear(): void {
    this.#held.clear();
    this.#byId.clear();
  }
}

function textOf(messageId: Uint8Array): string {
  return String.fromCharCode(...messageId);
}
