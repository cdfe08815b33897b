/**
 * The release of the outbox on a session of its own, which is opened again whenever it breaks. It ends with
 * its batch, or after a moment without.
 */
import { messageOf } from '../../contract/log-errors.js';
import { KeptConnection, type KeptSession } from '../session/kept-connection.js';
import { OutboxRelease, type OutboxReleaseOptions } from './outbox-release.js';

const RECONNECT = { firstMs: 100, capMs: 2_000 };
/** How long a turn waits for its session. */
const READY_MS = 1_000;
/** A session that is away for longer is spoken of: by then it is known whether the whole log is. */
const AWAY_MS = 3_000;
/** For a batch that is under way at the end. */
const END_MS = 1_000;

export interface KeptReleaseOptions extends Omit<OutboxReleaseOptions, 'session' | 'drop'> {
  open: (onLost: (error: Error) => void) => Promise<KeptSession>;
  /** The session has been away for a while. */
  onAway: (detail: string) => void;
}

export class KeptRelease {
  readonly #release: OutboxRelease;
  readonly #connection: KeptConnection<KeptSession>;

  constructor({ open, onAway, ...options }: KeptReleaseOptions) {
    const connection = new KeptConnection({
      open,
      reopen: 'always',
      backoff: RECONNECT,
      clock: options.clock,
      downAfterMs: AWAY_MS,
      onDown: onAway,
      onOpen: () => this.wake(),
    });
    this.#connection = connection;
    this.#release = new OutboxRelease({
      ...options,
      session: async () => (await connection.ready(READY_MS))?.client ?? null,
      drop: (client, error) => {
        const { session } = connection;
        if (session !== null && session.client === client) {
          connection.drop(session, messageOf(error));
        }
      },
    });
  }

  get vitals(): OutboxRelease['vitals'] {
    return this.#release.vitals;
  }

  start(): void {
    this.#release.start();
  }

  /** Something may be due. */
  wake(): void {
    this.#release.wake();
  }

  /** Topics may be placed here that were not. */
  moved(): void {
    this.#release.moved();
  }

  async close(): Promise<void> {
    const stopped = this.#release.stop();
    await Promise.race([stopped, new Promise((resolve) => setTimeout(resolve, END_MS).unref())]);
    // A batch that is still under way stays in the outbox, or is in the log: nothing is lost.
    await this.#connection.close();
    await stopped;
  }
}
