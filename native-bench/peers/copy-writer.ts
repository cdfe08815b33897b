/**
 * Copies transactions of 1,000 prebuilt rows into `messages` for a while, on one or more connections.
 * Arguments: connections, seconds. PostgreSQL is found by the environment. Prints one CopyReport.
 */
import { randomBytes } from 'node:crypto';
import { finished } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { Publication } from '../../src/core/message.js';
import { CopyBuffer, copyBytes } from '../../src/log/postgres/append/copy-rows.js';
import { endWithParent } from './own-program.js';

export interface CopyReport {
  rows: number;
  seconds: number;
  /** Of this program, in the same time. */
  cpuSeconds: number;
  /** Microseconds of each transaction. */
  transactions: number[];
}

const COPY = `COPY messages (topic_id, sequence, message_id, published_at, expires_at, key, headers,
  content_type, payload, bytes_to) FROM STDIN (FORMAT binary)`;
const ROWS = 1_000;
const PAYLOAD_BYTES = 150;
/** Of COPY's binary format: before the first row, and after the last. */
const HEADER_BYTES = 19;
const TRAILER_BYTES = 2;
/** Of the sequence in its row: behind the count, and the length and value of topic_id. */
const SEQUENCE_AT = 2 + 4 + 8 + 4;

/** The rows of one connection: only the sequences change from one transaction to the next. */
class RowBatch {
  readonly buffer: Buffer;
  readonly #rowBytes: number;
  #sequence = 0;

  constructor(topicId: number) {
    this.buffer = buildRows(topicId);
    // The last row has eight bytes more than the others: how many the topic has so far.
    this.#rowBytes = Math.floor((this.buffer.length - HEADER_BYTES - TRAILER_BYTES) / ROWS);
  }

  renumber(): void {
    for (let row = 0; row < ROWS; row += 1) {
      this.#sequence += 1;
      const at = HEADER_BYTES + row * this.#rowBytes + SEQUENCE_AT;
      this.buffer.writeUInt32BE(Math.floor(this.#sequence / 2 ** 32), at);
      this.buffer.writeUInt32BE(this.#sequence >>> 0, at + 4);
    }
  }
}

function buildRows(topicId: number): Buffer {
  const empty = JSON.stringify({ n: 1, x: '' });
  const payload = Buffer.from(
    JSON.stringify({ n: 1, x: 'x'.repeat(PAYLOAD_BYTES - empty.length) }),
  );
  const none = { key: null, headers: null, dedupeKey: null, ttlMs: 0 };
  const publication: Publication = { payload, contentType: 0, ...none };
  const buffer = new CopyBuffer(ROWS * copyBytes(publication));
  const appends = Array.from({ length: ROWS }, () => ({
    messageId: randomBytes(16),
    publication,
  }));
  const commit = { topicId, firstSequence: 0, bytesBefore: 0, publishedAtMs: Date.now(), appends };
  buffer.add(commit);
  return buffer.finish();
}

async function copyOnce(client: pg.Client, batch: RowBatch): Promise<void> {
  batch.renumber();
  const stream = client.query(copyFrom(COPY));
  stream.end(batch.buffer);
  await finished(stream);
}

/** One transaction before the time counts; the last one may end after it. */
async function run(connections: number, seconds: number): Promise<CopyReport> {
  const writers = await Promise.all(
    Array.from({ length: connections }, async (_, n) => {
      const client = new pg.Client();
      await client.connect();
      const batch = new RowBatch(n + 1);
      await copyOnce(client, batch);
      return { client, batch };
    }),
  );
  const transactions: number[] = [];
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  await Promise.all(
    writers.map(async ({ client, batch }) => {
      let at = performance.now();
      while (at < startedAt + seconds * 1_000) {
        await copyOnce(client, batch);
        const before = at;
        at = performance.now();
        transactions.push(Math.round((at - before) * 1_000));
      }
    }),
  );
  const took = (performance.now() - startedAt) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  await Promise.all(writers.map(({ client }) => client.end()));
  const rows = transactions.length * ROWS;
  return { rows, seconds: took, cpuSeconds: (user + system) / 1e6, transactions };
}

endWithParent();
const [connections = 0, seconds = 0] = process.argv.slice(2).map(Number);
if (!(connections > 0 && seconds > 0)) throw new Error('usage: copy-writer CONNECTIONS SECONDS');
const report = JSON.stringify(await run(connections, seconds));
process.stdout.write(`${report}\n`, () => process.exit(0));
