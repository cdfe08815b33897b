/**
 * COPY of a batch's rows and the COMMIT behind it, in one query: the server commits as soon as it has
 * the last byte. The rows go through pg-copy-streams; the answers come here, since the stream itself
 * throws out of a socket event when the server refuses a COPY whose data are still on their way.
 */
import type pg from 'pg';
import type { CopyStreamQuery } from 'pg-copy-streams';
import { from as copyFrom } from 'pg-copy-streams';
import { COPY_SQL } from './copy-rows.js';

/** Refused while data were on their way: what is left of them must not meet the next COPY. */
export class CopyBrokenOff extends Error {
  constructor(cause: unknown) {
    super('Connection terminated: COPY was refused half way', { cause });
    this.name = 'CopyBrokenOff';
  }
}

/** What pg calls on a query; pg-copy-streams has it, its types do not say so. */
interface CopyProtocol {
  handleCopyInResponse(connection: pg.Connection): void;
}

/** Rejects with the server's error, or with the connection's. */
export function copyAndCommit(client: pg.Client, rows: Buffer): Promise<void> {
  return copied(client, { sql: `${COPY_SQL}; COMMIT`, last: 'COMMIT' }, rows);
}

/** The same by a COPY .. FROM STDIN of one's own, in whatever transaction there is. */
export function copyIn(client: pg.Client, sql: string, rows: Buffer): Promise<void> {
  return copied(client, { sql, last: 'COPY' }, rows);
}

/** `last`: the tag of its last command. */
interface CopyStatement {
  sql: string;
  last: 'COPY' | 'COMMIT';
}

function copied(client: pg.Client, statement: CopyStatement, rows: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    client.query(new CopyIn(statement, rows, { resolve, reject }));
  });
}

interface Settling {
  resolve: () => void;
  reject: (error: unknown) => void;
}

class CopyIn implements pg.Submittable {
  readonly #stream: CopyStreamQuery & CopyProtocol;
  readonly #resolve: () => void;
  readonly #reject: (error: unknown) => void;
  #data: 'held' | 'on their way' | 'written' = 'held';
  readonly #last: CopyStatement['last'];
  #command = '';

  constructor({ sql, last }: CopyStatement, rows: Buffer, { resolve, reject }: Settling) {
    this.#last = last;
    this.#resolve = resolve;
    this.#reject = reject;
    const stream = copyFrom(sql);
    if (!('handleCopyInResponse' in stream)) throw new Error('pg-copy-streams has changed');
    this.#stream = stream as CopyStreamQuery & CopyProtocol;
    // The end of the data is written in the tick that follows.
    stream.write(rows, () => {
      this.#data = 'written';
    });
    stream.end();
  }

  /**
   * The data go out right behind the statement, which saves a round trip: a server that refuses the
   * COPY ignores them (PostgreSQL documentation, "COPY Operations"). Corked, all of it is one system
   * call in place of four.
   */
  submit(connection: pg.Connection): void {
    const { stream: socket } = connection;
    socket.cork();
    this.#stream.submit(connection);
    this.#data = 'on their way';
    this.#stream.handleCopyInResponse(connection);
    socket.uncork();
  }

  /** The server is ready for what it already has. */
  handleCopyInResponse(): void {
    if (this.#data === 'held') throw new Error('COPY was answered before it was sent');
  }

  handleCommandComplete(message: { text: string }): void {
    this.#command = message.text;
  }

  handleReadyForQuery(): void {
    if (this.#command.startsWith(this.#last)) this.#resolve();
    else this.#reject(new Error(`${this.#last} was answered ${this.#command}`));
  }

  handleError(error: unknown): void {
    this.#reject(this.#data === 'on their way' ? new CopyBrokenOff(error) : error);
  }

  /** pg looks for it when it sets a time-out. */
  callback(): void {
    this.#command = '';
  }
}
