/** PostgreSQL's limit for rows of Conduit's shape: binary COPY of prebuilt rows, nothing else. */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Sample, SelfMeasured } from '../contender.js';
import type { CopyReport } from './copy-writer.js';
import { lastError, runTool } from './installed-program.js';
import { latencyOf } from './latency.js';
import { makeSchema, type PostgresSchema } from './postgres-schema.js';
import { treeCpuSeconds } from './process-cpu.js';
import { failedSample, selfMeasured } from './self-measured.js';

/** The columns of conduit.messages, in a table without partitions and with one index. */
const TABLE = `CREATE TABLE messages (topic_id bigint NOT NULL, sequence bigint NOT NULL,
  message_id uuid NOT NULL, published_at timestamptz NOT NULL, expires_at timestamptz, key text,
  headers text, content_type smallint NOT NULL, payload bytea NOT NULL, bytes_to bigint,
  PRIMARY KEY (topic_id, sequence))`;
const WRITER = fileURLToPath(new URL('./copy-writer.js', import.meta.url));

export const copy = copyBench('copy', 1);
export const copyTwo = copyBench('copy-2', 2);

function copyBench(name: string, connections: number): SelfMeasured {
  return selfMeasured({
    name,
    syncs:
      'transactions of 1,000 rows; the WAL of each is flushed by PostgreSQL before its answer ' +
      `(${connections === 1 ? '1 connection' : `${connections} connections`})`,
    missing: async () => null,
    version: async () => {
      const require = createRequire(import.meta.url);
      const { version } = require('pg-copy-streams/package.json') as { version: string };
      return `pg-copy-streams ${version}, Node.js ${process.versions.node}`;
    },
    start: async (place) => {
      const schema = await makeSchema(place, `peer_${name.replace('-', '_')}`, TABLE);
      return {
        target: null,
        processes: schema.processes,
        measure: (seconds, signal) => measure(schema, connections, seconds, signal),
        stop: () => schema.drop(),
      };
    },
  });
}

/** Rows a second; the latency is that of a transaction. */
async function measure(
  schema: PostgresSchema,
  connections: number,
  seconds: number,
  signal: AbortSignal,
): Promise<Sample> {
  const { env, processes } = schema;
  const postgres = processes['postgres'];
  const before = postgres === undefined ? 0 : treeCpuSeconds(postgres);
  const args = [WRITER, String(connections), String(seconds)];
  const done = await runTool(process.execPath, args, { env, signal });
  const after = postgres === undefined ? 0 : treeCpuSeconds(postgres);
  if (done.code !== 0) return failedSample(`COPY: ${lastError(done.stderr)}`);
  const report = JSON.parse(done.stdout) as CopyReport;
  const micros = (cpuSeconds: number): number => (cpuSeconds * 1e6) / report.rows;
  return {
    perSecond: report.rows / report.seconds,
    latencyUs: latencyOf(report.transactions),
    deliveryUs: null,
    cpuUs: {
      loadgen: micros(report.cpuSeconds),
      ...(postgres === undefined ? {} : { postgres: micros(after - before) }),
    },
    more: { connections, rows_per_transaction: 1_000 },
    problems: [],
  };
}
