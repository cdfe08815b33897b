/**
 * RabbitMQ: a quorum queue with publisher confirms, measured by its own tool, PerfTest: the load
 * generator does not speak AMQP. PerfTest knows no warm-up, so its first seconds are run and left out,
 * of the rate and of the CPU; and it tells no more of latencies than some percentiles of each second.
 */
import { existsSync, readdirSync, realpathSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Place, Running, Sample } from '../contender.js';
import { freePort } from '../rig/free-port.js';
import { median } from '../sample.js';
import { findProgram, missingProgram, needProgram } from './installed-program.js';
import { findPerfTest, type PerfSecond, perfTestVersion, runPerfTest } from './perf-test.js';
import { treeCpuSeconds } from './process-cpu.js';
import { failedSample, type Measure, selfMeasured } from './self-measured.js';
import { type ServerProcess, startServer } from './server-process.js';

const SERVER = 'rabbitmq-server';
const NAMES = 'epmd';
/**
 * Where it is at its best, on two cores (3.10.8, 2026-11-26, seconds 6 to 10 of two runs and more):
 * connections x unconfirmed of each 1 x 64 28k/s; 1 x 256 32k to 38k; 8 x 64 and 8 x 128 46k to 49k;
 * 16 x 64, 32 x 32 and 64 x 16 57k, 60k and 54k, 45k to 67k; 16 x 128 40k to 59k.
 */
const PRODUCERS = 32;
const OUTSTANDING = 32;
const PAYLOAD_BYTES = 150;
/** As the load generator's; the JVM compiles for three of them. */
const WARMUP_S = 5;

export const rabbitmq = selfMeasured({
  name: 'rabbitmq',
  syncs:
    'persistent messages to a quorum queue of one member: in its write-ahead log, and that is flushed ' +
    '(fdatasync, once for all that came meanwhile), before the confirm (seen with strace, 3.10.8)',
  missing: async () =>
    missingProgram(SERVER, 'install RabbitMQ (Debian: apt-get install rabbitmq-server)') ??
    missingProgram(NAMES, "install Erlang's (Debian: apt-get install erlang-base)") ??
    (findPerfTest() === null
      ? 'perf-test is not on PATH: install RabbitMQ PerfTest and Java (github.com/rabbitmq/' +
        'rabbitmq-perf-test), as perf-test or as its runjava'
      : null),
  version: async () => {
    const server = /rabbitmq(?:_server)?[-/](\d[\d.]*)/.exec(realpathSync(serverScript()))?.[1];
    return `${server ?? 'unknown'}, PerfTest ${await perfTestVersion()}`;
  },
  start: startRabbitmq,
});

/** Its own script: what Debian puts on PATH changes the user, and logs elsewhere. */
function serverScript(): string {
  const debian = '/usr/lib/rabbitmq/lib';
  const names = existsSync(debian) ? readdirSync(debian) : [];
  const folder = names.find((name) => name.startsWith('rabbitmq_server-'));
  if (folder !== undefined) return path.join(debian, folder, 'sbin', SERVER);
  return findProgram(SERVER) ?? SERVER;
}

async function startRabbitmq({ folder }: Place): Promise<Running & { measure: Measure }> {
  const names = await startNames(folder);
  try {
    const server = await startNode(folder, names.port);
    return {
      target: null,
      processes: { server: server.pid, names: names.pid },
      measure: (seconds, signal) => measure(server, seconds, signal),
      stop: async () => {
        await server.stop();
        await names.stop();
      },
    };
  } catch (error) {
    await names.stop();
    throw error;
  }
}

/** Erlang's name server. A node that finds none starts one, which would outlive it. */
async function startNames(folder: string): Promise<ServerProcess> {
  const port = await freePort();
  return startServer({
    name: NAMES,
    program: needProgram(NAMES),
    args: ['-d', '-address', '127.0.0.1', '-port', String(port)],
    cwd: folder,
    ready: /epmd running/,
    port,
  });
}

async function startNode(folder: string, namesPort: number): Promise<ServerProcess> {
  const [port, distribution] = [await freePort(), await freePort()];
  // This machine's own settings do not count.
  const settings = path.join(folder, 'rabbitmq.conf');
  writeFileSync(settings, '');
  return startServer({
    name: SERVER,
    program: serverScript(),
    args: [],
    cwd: folder,
    env: {
      HOME: folder,
      ERL_EPMD_PORT: String(namesPort),
      RABBITMQ_NODENAME: `bench-${process.pid}@localhost`,
      RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
      RABBITMQ_NODE_PORT: String(port),
      RABBITMQ_DIST_PORT: String(distribution),
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
      RABBITMQ_CONF_ENV_FILE: path.join(folder, 'rabbitmq-env.conf'),
      RABBITMQ_CONFIG_FILE: settings,
      RABBITMQ_ADVANCED_CONFIG_FILE: path.join(folder, 'advanced.config'),
      RABBITMQ_MNESIA_BASE: path.join(folder, 'data'),
      RABBITMQ_LOGS: '-',
      RABBITMQ_ENABLED_PLUGINS_FILE: path.join(folder, 'plugins'),
      RABBITMQ_PID_FILE: path.join(folder, 'pid'),
      // The script becomes the server, so its process id is the server's.
      RUNNING_UNDER_SYSTEMD: 'true',
    },
    ready: /Server startup complete/,
    port,
  });
}

/** A second that is over, and the server's CPU time until then. */
type Timed = PerfSecond & { cpuS: number };

async function measure(
  { port, pid }: ServerProcess,
  seconds: number,
  signal: AbortSignal,
): Promise<Sample> {
  const counted = Math.max(1, Math.round(seconds));
  const told: Timed[] = [];
  await runPerfTest(
    {
      port,
      producers: PRODUCERS,
      confirm: OUTSTANDING,
      bytes: PAYLOAD_BYTES,
      // The last second is not always told.
      seconds: WARMUP_S + counted + 1,
    },
    (second) => told.push({ ...second, cpuS: treeCpuSeconds(pid) }),
    signal,
  );
  const start = told[WARMUP_S - 1];
  const window = told.slice(WARMUP_S, WARMUP_S + counted);
  const end = window.at(-1);
  if (start === undefined || end === undefined || window.length < counted) {
    return failedSample(`perf-test told of ${told.length} seconds only`);
  }
  return sampleOf(start, window, end);
}

function sampleOf(start: Timed, window: readonly Timed[], end: Timed): Sample {
  const lasts = window.map(({ at }, n) => at - (window[n - 1] ?? start).at);
  const confirmed = window.reduce((sum, one, n) => sum + one.confirmed * (lasts[n] ?? 0), 0);
  if (confirmed === 0) return failedSample('nothing was confirmed');
  const nacked = window.reduce((sum, one) => sum + one.nacked, 0);
  const latencies = window.flatMap(({ confirmUs }) => confirmUs ?? []);
  const latency = (name: 'p50' | 'p95' | 'p99'): number =>
    median(latencies.map((one) => one[name]));
  return {
    perSecond: confirmed / (end.at - start.at),
    latencyUs: null,
    deliveryUs: null,
    cpuUs: { server: ((end.cpuS - start.cpuS) * 1e6) / confirmed },
    more: {
      outstanding: PRODUCERS * OUTSTANDING,
      ...(latencies.length === 0
        ? {}
        : { confirm_p50_us: latency('p50'), confirm_p99_us: latency('p99') }),
    },
    problems: nacked > 0 ? ['messages were refused (nack)'] : [],
  };
}
