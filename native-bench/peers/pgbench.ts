/** PostgreSQL's own limit for one INSERT a transaction, by its own load generator. */
import { createReadStream, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Sample, SelfMeasured } from '../contender.js';
import { watchDisk } from '../disk.js';
import {
  findProgram,
  lastLine,
  needProgram,
  postgresFolders,
  programVersion,
  runTool,
} from './installed-program.js';
import { latencyOf } from './latency.js';
import { makeSchema } from './postgres-schema.js';
import { treeCpuSeconds } from './process-cpu.js';
import { failedSample, selfMeasured } from './self-measured.js';

const PAYLOAD = JSON.stringify({ n: 1, x: 'x'.repeat(150 - '{"n":1,"x":""}'.length) });
const TABLE = `CREATE TABLE messages (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  topic text NOT NULL, published_at timestamptz NOT NULL DEFAULT now(), payload text NOT NULL)`;
const INSERT = `INSERT INTO messages (topic, payload) VALUES ('bench', '${PAYLOAD}');\n`;

interface Load {
  clients: number;
  threads: number;
  /** Of the transactions whose latency is logged. */
  sampled: number;
}

/** What one measurement needs. */
interface Bench extends Load {
  folder: string;
  env: Readonly<Record<string, string>>;
  postgresPid: number | null;
  database: string;
}

export const pgbench = insertBench('pgbench', { clients: 64, threads: 2, sampled: 0.2 });
/** A bare commit of one row on the same disk. */
export const pgbenchSingle = insertBench('pgbench-single', { clients: 1, threads: 1, sampled: 1 });

function insertBench(name: string, load: Load): SelfMeasured {
  return selfMeasured({
    name,
    syncs:
      'each row in a transaction of its own; its WAL is flushed by PostgreSQL before the answer, ' +
      (load.clients === 1 ? 'one flush a row' : 'commits that wait together share a flush'),
    missing: async () =>
      findProgram('pgbench', postgresFolders()) === null
        ? 'pgbench is not on PATH: install PostgreSQL (Debian: apt-get install postgresql-contrib)'
        : null,
    version: () =>
      programVersion(needProgram('pgbench', postgresFolders()), ['--version'], /^(.+)$/m),
    start: async (place) => {
      const schema = await makeSchema(place, `peer_${name.replace('-', '_')}`, TABLE);
      writeFileSync(path.join(place.folder, 'insert.sql'), INSERT);
      const { folder, postgresPid } = place;
      const { env, database } = schema;
      const bench = { ...load, folder, env, postgresPid, database };
      return {
        target: null,
        database,
        processes: schema.processes,
        measure: (seconds, signal) => measure(bench, seconds, signal),
        stop: () => schema.drop(),
      };
    },
  });
}

async function measure(bench: Bench, seconds: number, signal: AbortSignal): Promise<Sample> {
  const { clients, threads, sampled, folder, env, postgresPid, database } = bench;
  const args = `-n -M prepared -f insert.sql -l --log-prefix transactions -c ${clients}
    -j ${threads} -T ${Math.max(1, Math.round(seconds))} --sampling-rate ${sampled}`;
  const disk = await watchDisk(database);
  const before = postgresPid === null ? 0 : treeCpuSeconds(postgresPid);
  const program = needProgram('pgbench', postgresFolders());
  const done = await runTool(program, args.split(/\s+/), { cwd: folder, env, signal });
  const after = postgresPid === null ? 0 : treeCpuSeconds(postgresPid);
  const latencies = await takeLatencies(folder);
  if (done.code !== 0) return failedSample(`pgbench: ${lastLine(done.stderr)}`);
  const count = figureOf(done.stdout, /actually processed: (\d+)/);
  const failed = figureOf(done.stdout, /number of failed transactions: (\d+)/);
  return {
    perSecond: figureOf(done.stdout, /^tps = ([\d.]+)/m),
    latencyUs: latencyOf(latencies),
    deliveryUs: null,
    cpuUs: postgresPid === null ? {} : { postgres: ((after - before) * 1e6) / count },
    more: { clients, ...(await disk.bytes(count)) },
    problems: failed > 0 ? [`${failed} transactions failed`] : [],
  };
}

function figureOf(text: string, pattern: RegExp): number {
  return Number(pattern.exec(text)?.[1] ?? 0);
}

/** Microseconds, out of its logs, which are removed: client, number, microseconds, ... a line. */
async function takeLatencies(folder: string): Promise<number[]> {
  const latencies: number[] = [];
  for (const name of readdirSync(folder).filter((name) => name.startsWith('transactions.'))) {
    const file = path.join(folder, name);
    for await (const line of createInterface({ input: createReadStream(file) })) {
      const latency = Number(line.split(' ', 3)[2]);
      if (Number.isFinite(latency)) latencies.push(latency);
    }
    rmSync(file);
  }
  return latencies;
}
