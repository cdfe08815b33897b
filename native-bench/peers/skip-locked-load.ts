/**
 * Producers and consumers of a queue in the table `queue`, for a while. Argument: seconds. PostgreSQL is
 * found by the environment. Prints one QueueReport. Producers wait while many messages are not
 * acknowledged, so that a latency is not that of a backlog without end.
 */
import pg from 'pg';
import { endWithParent } from './own-program.js';

export interface QueueReport {
  producers: number;
  consumers: number;
  acknowledged: number;
  seconds: number;
  /** Of this program, in the same time. */
  cpuSeconds: number;
  /** Microseconds of each enqueue. */
  enqueues: number[];
  /** Microseconds of each message, from before its enqueue until it was read. */
  deliveries: number[];
}

const ENQUEUE = `INSERT INTO queue (vt, message) VALUES (clock_timestamp(), $1) RETURNING msg_id`;
const READ = `WITH due AS (
    SELECT msg_id FROM queue WHERE vt <= clock_timestamp()
    ORDER BY msg_id LIMIT $1 FOR UPDATE SKIP LOCKED
  )
  UPDATE queue SET vt = clock_timestamp() + interval '30 s', read_ct = read_ct + 1
  FROM due WHERE queue.msg_id = due.msg_id
  RETURNING queue.msg_id, queue.message`;
const ACKNOWLEDGE = 'DELETE FROM queue WHERE msg_id = ANY ($1)';
const PRODUCERS = 8;
const CONSUMERS = 2;
const READ_MAX = 100;
const OUTSTANDING_MAX = 1_000;
const PAYLOAD_BYTES = 150;
/** Of a consumer that found nothing, and of a producer that has to wait. */
const PAUSE_MS = 2;

interface Read {
  msg_id: string;
  message: { at: number };
}

class QueueLoad {
  readonly #until: number;
  #outstanding: number;
  #acknowledged = 0;
  readonly #enqueues: number[] = [];
  readonly #deliveries: number[] = [];

  /** `outstanding`: what an earlier load left. */
  constructor(until: number, outstanding: number) {
    this.#until = until;
    this.#outstanding = outstanding;
  }

  figures(): Pick<QueueReport, 'acknowledged' | 'enqueues' | 'deliveries'> {
    const [enqueues, deliveries] = [this.#enqueues, this.#deliveries];
    return { acknowledged: this.#acknowledged, enqueues, deliveries };
  }

  async produce(client: pg.Client): Promise<void> {
    while (now() < this.#until) {
      if (this.#outstanding >= OUTSTANDING_MAX) {
        await pause();
        continue;
      }
      this.#outstanding += 1;
      const at = now();
      await client.query({ name: 'enqueue', text: ENQUEUE, values: [messageOf(at)] });
      this.#enqueues.push(Math.round((now() - at) * 1_000));
    }
  }

  async consume(client: pg.Client): Promise<void> {
    while (now() < this.#until) {
      // Planned each time, as pgmq's: a plan that was made for the empty table is not kept.
      const { rows } = await client.query<Read>(READ, [READ_MAX]);
      if (rows.length === 0) await pause();
      else await this.#acknowledge(client, rows);
    }
  }

  async #acknowledge(client: pg.Client, rows: readonly Read[]): Promise<void> {
    const readAt = now();
    for (const { message } of rows) {
      this.#deliveries.push(Math.round((readAt - message.at) * 1_000));
    }
    const values = [rows.map(({ msg_id }) => msg_id)];
    await client.query({ name: 'acknowledge', text: ACKNOWLEDGE, values });
    this.#outstanding -= rows.length;
    if (now() <= this.#until) this.#acknowledged += rows.length;
  }
}

/** Milliseconds by a clock that the next load goes by, too: it may read what this one left. */
function now(): number {
  return performance.timeOrigin + performance.now();
}

function messageOf(at: number): string {
  const empty = JSON.stringify({ at, x: '' });
  return JSON.stringify({ at, x: 'x'.repeat(Math.max(0, PAYLOAD_BYTES - empty.length)) });
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}

async function run(seconds: number): Promise<QueueReport> {
  const clients = Array.from({ length: PRODUCERS + CONSUMERS }, () => new pg.Client());
  await Promise.all(clients.map((client) => client.connect()));
  const { rows = [] } =
    (await clients[0]?.query<{ left: number }>('SELECT count(*)::int AS left FROM queue')) ?? {};
  const cpu = process.cpuUsage();
  const startedAt = now();
  const load = new QueueLoad(startedAt + seconds * 1_000, rows[0]?.left ?? 0);
  await Promise.all(
    clients.map((client, n) => (n < PRODUCERS ? load.produce(client) : load.consume(client))),
  );
  const { user, system } = process.cpuUsage(cpu);
  await Promise.all(clients.map((client) => client.end()));
  const cpuSeconds = (user + system) / 1e6;
  return { producers: PRODUCERS, consumers: CONSUMERS, seconds, cpuSeconds, ...load.figures() };
}

endWithParent();
const seconds = Number(process.argv[2]);
if (!(seconds > 0)) throw new Error('usage: skip-locked-load SECONDS');
const report = JSON.stringify(await run(seconds));
process.stdout.write(`${report}\n`, () => process.exit(0));
