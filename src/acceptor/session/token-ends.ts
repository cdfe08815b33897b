/**
 * Sessions and streams of this acceptor that came with a token: each is told TOLD_MS before its token runs
 * out, once for each token, and ends when it has.
 */
import { CLOSE } from '../../core/errors.js';
import { expiringFrame } from '../../wire/views/token-view.js';
import type { Receiver } from '../delivery/receiver.js';
import type { Guard } from '../http/guard.js';

/** Long enough to ask for another token. */
const TOLD_MS = 30_000;

export class TokenEnds {
  readonly #guard: Guard;
  readonly #receivers = new Map<Receiver, 'goes on' | 'told'>();

  constructor(guard: Guard) {
    this.#guard = guard;
  }

  /** From its beginning, and when it goes on with another token. */
  watch(receiver: Receiver): void {
    if (receiver.principal.token !== null) this.#receivers.set(receiver, 'goes on');
  }

  forget(receiver: Receiver): void {
    this.#receivers.delete(receiver);
  }

  /** `nowMs`: monotonic. */
  sweep(nowMs: number): void {
    for (const [receiver, state] of this.#receivers) {
      const endMs = receiver.principal.token?.endMs ?? Number.POSITIVE_INFINITY;
      if (nowMs >= endMs) {
        this.#guard.run('end of a token', receiver, () => receiver.dismiss(CLOSE.tokenOver));
      } else if (state === 'goes on' && nowMs >= endMs - TOLD_MS) {
        this.#receivers.set(receiver, 'told');
        this.#guard.run('end of a token', receiver, () => tell(receiver));
      }
    }
  }
}

function tell(receiver: Receiver): void {
  const { expiresAtMs } = receiver.principal;
  if (expiresAtMs !== null) receiver.sendFrame(expiringFrame(expiresAtMs));
}
