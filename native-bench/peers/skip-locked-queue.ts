/**
 * A queue in one table, as is often built on PostgreSQL and as pgmq has it: rows that are read FOR UPDATE
 * SKIP LOCKED, hidden for a while, and deleted when they are acknowledged.
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Sample, SelfMeasured } from '../contender.js';
import { lastError, runTool } from './installed-program.js';
import { latencyOf } from './latency.js';
import { makeSchema, type PostgresSchema } from './postgres-schema.js';
import { treeCpuSeconds } from './process-cpu.js';
import { failedSample, selfMeasured } from './self-measured.js';
import type { QueueReport } from './skip-locked-load.js';

/** As pgmq makes them (`create` in its pgmq.sql): a number, how often it was read, hidden until when. */
const TABLE = `CREATE TABLE queue (msg_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  read_ct int NOT NULL DEFAULT 0, enqueued_at timestamptz NOT NULL DEFAULT now(),
  vt timestamptz NOT NULL, message jsonb);
  CREATE INDEX queue_vt ON queue (vt)`;
const LOAD = fileURLToPath(new URL('./skip-locked-load.js', import.meta.url));

export const skipLockedQueue: SelfMeasured = selfMeasured({
  name: 'skip-locked-queue',
  syncs:
    'each message in a transaction of its own, batches of up to 100 read and deleted by two more; the WAL ' +
    'of each is flushed by PostgreSQL before its answer (8 producers, 2 consumers)',
  missing: async () => null,
  version: async () => {
    const { version } = createRequire(import.meta.url)('pg/package.json') as { version: string };
    return `Node.js ${process.versions.node}, pg ${version}`;
  },
  start: async (place) => {
    const schema = await makeSchema(place, 'peer_skip_locked_queue', TABLE);
    return {
      target: null,
      database: schema.database,
      processes: schema.processes,
      measure: (seconds, signal) => measure(schema, seconds, signal),
      stop: () => schema.drop(),
    };
  },
});

/** Acknowledged messages a second; under a snapshot there may be none at all. */
async function measure(
  { env, processes }: PostgresSchema,
  seconds: number,
  signal: AbortSignal,
): Promise<Sample> {
  const postgres = processes['postgres'];
  const before = postgres === undefined ? 0 : treeCpuSeconds(postgres);
  const done = await runTool(process.execPath, [LOAD, String(seconds)], { env, signal });
  const after = postgres === undefined ? 0 : treeCpuSeconds(postgres);
  if (done.code !== 0) return failedSample(`the queue: ${lastError(done.stderr)}`);
  const report = JSON.parse(done.stdout) as QueueReport;
  const micros = (cpuSeconds: number): number =>
    (cpuSeconds * 1e6) / Math.max(1, report.acknowledged);
  return {
    perSecond: report.acknowledged / report.seconds,
    latencyUs: latencyOf(report.enqueues),
    deliveryUs: latencyOf(report.deliveries),
    cpuUs: {
      loadgen: micros(report.cpuSeconds),
      ...(postgres === undefined ? {} : { postgres: micros(after - before) }),
    },
    more: { producers: report.producers, consumers: report.consumers },
    problems: [],
  };
}
