/** Two ends of a peer link with a network between them that loses, doubles, delays and reorders by chance. */
import {
  BEAT_MS,
  type LinkHeader,
  PeerLink,
  type PeerLinkOptions,
  type ResetCause,
} from '../../src/core/peer-link.js';
import type { SeededRandom } from '../support/fuzz/seeded-random.js';

interface Flight {
  to: NetworkEnd;
  atMs: number;
  header: LinkHeader;
  part: Uint8Array;
}

/** How likely each fate of an envelope is; the rest arrives in order. */
export interface Weather {
  lost: number;
  doubled: number;
  delayed: number;
}

export const CALM: Weather = { lost: 0, doubled: 0, delayed: 0 };

export type EndHandlers = Pick<PeerLinkOptions, 'onRead' | 'onUp' | 'onReset'>;

export class NetworkEnd {
  readonly link: PeerLink;
  /** It runs; else it is frozen, and what comes waits. */
  isAwake = true;
  readonly resets: ResetCause[] = [];

  constructor(network: PeerNetwork, handlers: EndHandlers) {
    this.link = new PeerLink({
      ...{ creditBytes: 4_096, partBytesMax: 64, wholeBytesMax: 1 << 20 },
      incarnation: () => network.incarnation(),
      send: (header, part) => network.carry(this, header, part),
      onRead: handlers.onRead,
      onUp: handlers.onUp,
      onReset: (cause) => {
        this.resets.push(cause);
        handlers.onReset(cause);
      },
      onCredit: () => undefined,
    });
  }
}

export class PeerNetwork {
  weather: Weather = CALM;
  nowMs = 0;
  readonly #random: SeededRandom;
  #flights: Flight[] = [];
  /** All that was ever sent, as somebody on the way may have noted it. */
  readonly carried: Pick<Flight, 'to' | 'header' | 'part'>[] = [];
  #ends: NetworkEnd[] = [];
  #incarnations = 0;
  #nextBeatMs = BEAT_MS;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  join(handlers: EndHandlers): NetworkEnd {
    const end = new NetworkEnd(this, handlers);
    this.#ends.push(end);
    return end;
  }

  incarnation(): number {
    return ++this.#incarnations;
  }

  carry(from: NetworkEnd, header: LinkHeader, part: Uint8Array): void {
    const to = this.#ends.find((end) => end !== from);
    if (to === undefined) return;
    this.carried.push({ to, header: { ...header }, part: part.slice() });
    const { lost, doubled, delayed } = this.weather;
    const fate = this.#random.next();
    if (fate < lost) return;
    const copies = fate < lost + doubled ? 2 : 1;
    for (let n = 0; n < copies; n++) {
      const isLate = this.#random.next() < delayed;
      const atMs = this.nowMs + 1 + (isLate ? this.#random.between(0, 3_000) : 0);
      this.#flights.push({ to, atMs, header: { ...header }, part: part.slice() });
    }
  }

  /** What is due by then comes, and the beats. */
  pass(ms: number): void {
    for (const untilMs = this.nowMs + ms; this.nowMs < untilMs; ) {
      this.nowMs++;
      const due = this.#flights.filter(({ to, atMs }) => to.isAwake && atMs <= this.nowMs);
      this.#flights = this.#flights.filter((flight) => !due.includes(flight));
      for (const { to, header, part } of due) to.link.read(header, part);
      if (this.nowMs < this.#nextBeatMs) continue;
      this.#nextBeatMs += BEAT_MS;
      for (const end of this.#ends) if (end.isAwake) end.link.beat();
    }
  }
}
