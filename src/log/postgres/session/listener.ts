/**
 * LISTEN on a session of its own, kept open. What was told while nobody listened is not told again, so
 * whoever listens looks for it at every opening but the first.
 */
import type { Clock } from '../../../core/clock.js';
import type { BoundedClient } from './bounded-client.js';
import { KeptConnection, type KeptSession } from './kept-connection.js';

/** A session that only listens asks for nothing that takes long. */
export const LISTEN_ANSWER_MS = 5_000;
const RECONNECT = { firstMs: 100, capMs: 2_000 };
const DOWN_AFTER_MS = 3_000;

export interface ListenerOptions {
  open: (onLost: (error: Error) => void) => Promise<BoundedClient>;
  channels: readonly string[];
  clock: Clock;
  onNotification: (channel: string, payload: string | undefined) => void;
  /** `again`: something may have been told meanwhile. */
  onListening: (how: 'first' | 'again') => void;
  /** Away for a while. */
  onDown: (detail: string) => void;
}

export class Listener {
  readonly #options: ListenerOptions;
  readonly #connection: KeptConnection<KeptSession>;
  #how: 'first' | 'again' = 'first';

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#connection = new KeptConnection<KeptSession>({
      open: (onLost) => this.#open(onLost),
      reopen: 'always',
      backoff: RECONNECT,
      clock: options.clock,
      downAfterMs: DOWN_AFTER_MS,
      onDown: options.onDown,
      onOpen: () => {
        options.onListening(this.#how);
        this.#how = 'again';
      },
    });
  }

  get state(): 'yes' | 'no' | 'off' {
    if (this.#connection.state === 'idle') return 'off';
    return this.#connection.state === 'open' ? 'yes' : 'no';
  }

  start(): void {
    this.#connection.begin();
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  async #open(onLost: (error: Error) => void): Promise<KeptSession> {
    const client = await this.#options.open(onLost);
    try {
      client.on('notification', ({ channel, payload }) =>
        this.#options.onNotification(channel, payload),
      );
      await client.query(this.#options.channels.map((channel) => `LISTEN ${channel}`).join('; '));
    } catch (error) {
      client.destroy();
      throw error;
    }
    return { client };
  }
}
