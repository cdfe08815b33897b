/** RabbitMQ PerfTest: where it is, and one run of publishers with confirms, second by second. */
import { findProgram, lastLine, programVersion, runTool } from './installed-program.js';

export interface PerfLoad {
  port: number;
  /** Connections, each with one channel. */
  producers: number;
  /** Unconfirmed messages of each. */
  confirm: number;
  /** Of a message's body. */
  bytes: number;
  seconds: number;
}

/** What it prints once a second; microseconds; null where nothing was confirmed. */
export interface PerfSecond {
  /** From its start to the end of this second. */
  at: number;
  confirmed: number;
  nacked: number;
  confirmUs: { p50: number; p95: number; p99: number } | null;
}

/** Command and first arguments; null when there is none. */
export function findPerfTest(): string[] | null {
  const own = findProgram('perf-test') ?? findProgram('rabbitmq-perf-test');
  if (own !== null) return [own];
  const java = findProgram('runjava');
  return java === null ? null : [java, 'com.rabbitmq.perf.PerfTest'];
}

export function perfTestVersion(): Promise<string> {
  const [program = '', ...args] = [...(findPerfTest() ?? []), '--version'];
  return programVersion(program, args, /Perf ?Test (\d\S*)/i);
}

/** Publishes persistent messages to one new quorum queue; `each` is told of a second when it is over. */
export async function runPerfTest(
  load: PerfLoad,
  each: (second: PerfSecond) => void,
  signal: AbortSignal,
): Promise<void> {
  const [program, ...first] = findPerfTest() ?? [];
  if (program === undefined) throw new Error('perf-test is not on PATH');
  const args = `--uri amqp://127.0.0.1:${load.port} --quorum-queue --queue bench --flag persistent
    --producers ${load.producers} --consumers 0 --confirm ${load.confirm} --size ${load.bytes}
    --interval 1 --time ${load.seconds}`;
  const onLine = (line: string): void => {
    const second = readSecond(line);
    if (second !== null) each(second);
  };
  const done = await runTool(program, [...first, ...args.split(/\s+/)], { signal, onLine });
  if (done.code === 0) return;
  throw new Error(`perf-test: ${lastLine(done.stderr) || lastLine(done.stdout)}`);
}

/** Null: it is another line. */
export function readSecond(line: string): PerfSecond | null {
  const at = /\btime:? ?(\d+[.,]\d+) ?s\b/.exec(line)?.[1]?.replace(',', '.');
  const confirmed = rateOf('confirmed', line);
  if (at === undefined || confirmed === null) return null;
  const latencies = /min\/median\/75th\/95th\/99th confirm latency: ?([\d/]+)/.exec(line)?.[1];
  const [, p50, , p95, p99] = latencies?.split('/').map(Number) ?? [];
  const isKnown = p50 !== undefined && p95 !== undefined && p99 !== undefined && confirmed > 0;
  return {
    at: Number(at),
    confirmed,
    nacked: rateOf('nacked', line) ?? 0,
    confirmUs: isKnown ? { p50, p95, p99 } : null,
  };
}

function rateOf(what: string, line: string): number | null {
  const found = new RegExp(`\\b${what}: (\\d+) msg/s`).exec(line)?.[1];
  return found === undefined ? null : Number(found);
}
