/**
 * RabbitMQ: a quorum queue with publisher confirms, measured by its own tool, PerfTest: the load
 * generator does not speak AMQP. Its start is tried, its measurement is not: no PerfTest was at hand.
 */
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { freePort } from '../../test/support/free-port.js';
import type { Place, Running, Sample } from '../contender.js';
import {
  findProgram,
  lastLine,
  missingProgram,
  programVersion,
  runTool,
} from './installed-program.js';
import { treeCpuSeconds } from './process-cpu.js';
import { failedSample, type Measure, selfMeasured } from './self-measured.js';
import { startServer } from './server-process.js';

const SERVER = 'rabbitmq-server';
/** One connection with as many unconfirmed messages. */
const OUTSTANDING = 64;
const PAYLOAD_BYTES = 150;

export const rabbitmq = selfMeasured({
  name: 'rabbitmq',
  syncs:
    'persistent messages to a quorum queue of one member: in its write-ahead log, and that is ' +
    'flushed, before the confirm (documented)',
  missing: async () =>
    missingProgram(SERVER, 'install RabbitMQ (Debian: apt-get install rabbitmq-server)') ??
    (perfTest() === null
      ? 'perf-test is not on PATH: install RabbitMQ PerfTest and Java (github.com/rabbitmq/' +
        'rabbitmq-perf-test), as perf-test or as its runjava'
      : null),
  version: async () => {
    const tool = perfTest() ?? [];
    const [program = '', ...args] = [...tool, '--version'];
    const perf = await programVersion(program, args, /PerfTest (\S+)/i);
    return `RabbitMQ in ${path.dirname(serverScript())}, PerfTest ${perf}`;
  },
  start: startRabbitmq,
});

/** Command and first arguments; null when there is none. */
function perfTest(): string[] | null {
  const own = findProgram('perf-test') ?? findProgram('rabbitmq-perf-test');
  if (own !== null) return [own];
  const java = findProgram('runjava');
  return java === null ? null : [java, 'com.rabbitmq.perf.PerfTest'];
}

/** Its own script: what Debian puts on PATH changes the user, and logs elsewhere. */
function serverScript(): string {
  const debian = '/usr/lib/rabbitmq/lib';
  const names = existsSync(debian) ? readdirSync(debian) : [];
  const folder = names.find((name) => name.startsWith('rabbitmq_server-'));
  if (folder !== undefined) return path.join(debian, folder, 'sbin', SERVER);
  return findProgram(SERVER) ?? SERVER;
}

async function startRabbitmq({ folder }: Place): Promise<Running & { measure: Measure }> {
  const [port, distribution, names] = [await freePort(), await freePort(), await freePort()];
  const epmd = { ERL_EPMD_PORT: String(names), HOME: folder };
  const server = await startServer({
    name: SERVER,
    program: serverScript(),
    args: [],
    cwd: folder,
    env: {
      ...epmd,
      RABBITMQ_NODENAME: `bench-${process.pid}@localhost`,
      RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
      RABBITMQ_NODE_PORT: String(port),
      RABBITMQ_DIST_PORT: String(distribution),
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
  return {
    target: null,
    processes: { server: server.pid },
    measure: (seconds, signal) => measure(port, server.pid, seconds, signal),
    stop: async () => {
      await server.stop();
      // The name server that Erlang has started beside it.
      const program = findProgram('epmd');
      if (program !== null) await runTool(program, ['-kill'], { env: epmd });
    },
  };
}

async function measure(
  port: number,
  pid: number,
  seconds: number,
  signal: AbortSignal,
): Promise<Sample> {
  const [program, ...first] = perfTest() ?? [];
  if (program === undefined) return failedSample('perf-test is not on PATH');
  const load = `--uri amqp://127.0.0.1:${port} --quorum-queue --queue bench --flag persistent
    --producers 1 --consumers 0 --confirm ${OUTSTANDING} --size ${PAYLOAD_BYTES}
    --time ${Math.max(1, Math.round(seconds))}`;
  const before = treeCpuSeconds(pid);
  const done = await runTool(program, [...first, ...load.split(/\s+/)], { signal });
  const used = treeCpuSeconds(pid) - before;
  const rate = /sending rate avg: (\d+)/.exec(done.stdout)?.[1];
  if (done.code !== 0 || rate === undefined) {
    return failedSample(`perf-test: ${lastLine(done.stderr) || lastLine(done.stdout)}`);
  }
  const perSecond = Number(rate);
  return {
    perSecond,
    latencyUs: null,
    deliveryUs: null,
    cpuUs: { server: (used * 1e6) / (perSecond * seconds) },
    more: { outstanding: OUTSTANDING },
    problems: [],
  };
}
