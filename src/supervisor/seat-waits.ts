/** What the main thread waits to hear from several of its threads. */
import type { FromThread } from '../thread/control.js';
import type { Seat } from './seat.js';

interface Wait {
  type: FromThread['type'];
  seats: Set<Seat>;
  resolve: () => void;
}

export class SeatWaits {
  #waits: Wait[] = [];

  /** Resolves when each of the seats has said `type`; one without a thread has nothing to drain. */
  all(type: FromThread['type'], seats: readonly Seat[]): Promise<void> {
    const asked = seats.filter((seat) => type !== 'drained' || seat.thread !== null);
    if (asked.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waits.push({ type, seats: new Set(asked), resolve });
    });
  }

  /** The seat has said it. */
  settle(type: FromThread['type'], seat: Seat): void {
    for (const wait of this.#waits) {
      if (wait.type === type) wait.seats.delete(seat);
      if (wait.seats.size === 0) wait.resolve();
    }
    this.#waits = this.#waits.filter((wait) => wait.seats.size > 0);
  }
}
