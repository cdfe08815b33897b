/**
 * A client of pg that waits for nothing for ever. A connection that went silent (both sockets open, packets
 * swallowed) has no error and no end, and PostgreSQL's own time-outs never come through it: so the socket is
 * looked at. Idle, the server is asked whether it is there; whoever asked and hears nothing for too long
 * has lost its connection. The good-bye is bounded, too.
 */
import pg from 'pg';

const LOOK_MS = 2_000;
const IDLE_MS = 4_000;
const PROBE_ANSWER_MS = 4_000;
const END_MS = 500;
const ANSWER_MS = 12_000;

/** What pg has and its types do not tell. */
interface Inside {
  connection: { stream: { destroy(error?: Error): void; bytesRead: number } };
  /** The server has answered everything. */
  readyForQuery?: boolean;
}

type Doing = 'idle' | 'asking' | 'probing';

export class BoundedClient extends pg.Client {
  readonly #answerMs: number;
  #look: NodeJS.Timeout | null = null;
  #doing: Doing = 'idle';
  #bytesHeard = 0;
  #silentMs = 0;

  /** `answerMs`: how long the server may say nothing to a query; more than its statement_timeout. */
  constructor(config: pg.ClientConfig & { answerMs?: number } = {}) {
    super(config);
    this.#answerMs = config.answerMs ?? ANSWER_MS;
    this.once('connect', () => {
      this.#look = setInterval(() => this.#lookAt(), LOOK_MS).unref();
    });
    this.once('end', () => {
      if (this.#look !== null) clearInterval(this.#look);
    });
  }

  /** Without waiting for the server's good-bye; what is under way rejects with `error`. */
  destroy(error?: Error): void {
    inside(this).connection.stream.destroy(error);
  }

  override end(): Promise<void>;
  override end(callback: (error: Error) => void): void;
  override end(callback?: (error: Error) => void): Promise<void> | void {
    const timer = setTimeout(() => this.destroy(), END_MS).unref();
    this.once('end', () => clearTimeout(timer));
    return callback === undefined ? super.end() : super.end(callback);
  }

  /** Counts its own turns, not the clock: a node that was frozen has not heard the server, either. */
  #lookAt(): void {
    const { bytesRead } = inside(this).connection.stream;
    const doing = this.#doingNow();
    const isHeard = bytesRead !== this.#bytesHeard || doing !== this.#doing;
    this.#silentMs = isHeard ? 0 : this.#silentMs + LOOK_MS;
    this.#bytesHeard = bytesRead;
    this.#doing = doing;
    if (doing === 'idle') {
      if (this.#silentMs >= IDLE_MS) this.#probe();
    } else if (this.#silentMs >= (doing === 'probing' ? PROBE_ANSWER_MS : this.#answerMs)) {
      this.destroy(new Error('the server does not answer'));
    }
  }

  #doingNow(): Doing {
    if (inside(this).readyForQuery === true) return 'idle';
    return this.#doing === 'probing' ? 'probing' : 'asking';
  }

  #probe(): void {
    this.#doing = 'probing';
    this.#silentMs = 0;
    this.query('SELECT 1').then(
      () => this.#probed(),
      (error: unknown) => {
        // A transaction that is to be rolled back takes no query: the server is there.
        if (error instanceof pg.DatabaseError) this.#probed();
        else this.destroy();
      },
    );
  }

  /** Whatever is asked from now on has its own time, also when no look finds the client idle before. */
  #probed(): void {
    if (this.#doing !== 'probing') return;
    this.#doing = 'asking';
    this.#silentMs = 0;
  }
}

function inside(client: pg.Client): Inside {
  return client as unknown as Inside;
}
