/**
 * `node dist/native-bench/webhooks.js [--messages N] [--concurrency N] [--hanging N] [--prof FOLDER]`: how
 * fast a node with PostgreSQL sends what a topic has to one local endpoint, which answers 204 at once; with
 * `--hanging` so many other webhooks have an endpoint that never answers, and messages for it. The endpoint
 * is a process of its own (rig/hook-sink.ts), whose CPU is told beside the node's: on a machine that others
 * use, CPU is what can be compared. `--prof`: V8's CPU profiles of the node are written there.
 */
import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { profilingInto } from './profiles/profile.js';
import type { FromSink } from './rig/hook-sink.js';
import { startNode } from './rig/node.js';
import { startPostgres } from './rig/postgres.js';

const TOPIC = 'bench.webhook';
const BATCH = 1_000;

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '50000' },
    concurrency: { type: 'string', default: '16' },
    hanging: { type: 'string', default: '0' },
    prof: { type: 'string' },
  },
});
const [messages, concurrency, hanging] = [
  Number(values.messages),
  Number(values.concurrency),
  Number(values.hanging),
];

/** Of all threads of a process, user and system; ticks are a hundredth. */
function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function ask(method: 'POST' | 'PUT', url: string, body: unknown): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(url, { method, headers, body: JSON.stringify(body) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${url}: ${text}`);
}

async function fill(url: string, topic: string, count: number): Promise<void> {
  const payload = { text: 'x'.repeat(100) };
  for (let sent = 0; sent < count; sent += BATCH) {
    const all = Array.from({ length: Math.min(BATCH, count - sent) }, () => ({ topic, payload }));
    await ask('POST', `${url}/api/publish/batch`, { messages: all });
  }
}

/** An endpoint that never answers. */
async function listenDeaf(): Promise<[http.Server, string]> {
  const server = http.createServer(() => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return [server, `http://127.0.0.1:${port}/`];
}

/** A process that takes so many messages; `all`: once each has come. */
async function startSink(count: number) {
  const child = fork(fileURLToPath(new URL('./rig/hook-sink.js', import.meta.url)), [
    String(count),
  ]);
  const told = <T extends FromSink['type']>(type: T): Promise<Extract<FromSink, { type: T }>> =>
    new Promise((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`the sink ended with ${code}`)));
      child.on('message', (message: FromSink) => {
        if (message.type === type) resolve(message as Extract<FromSink, { type: T }>);
      });
    });
  const all = told('all');
  // It is waited for later; a sink that has ended is told then.
  all.catch(() => undefined);
  const { port } = await told('listening');
  return { target: `http://127.0.0.1:${port}/`, all, stop: () => child.kill('SIGKILL') };
}

const sink = await startSink(messages);
const [deaf, silent] = await listenDeaf();
const postgres = await startPostgres();
const node = await startNode({
  ...{ DATABASE_URL: postgres.url, WORKERS: '1', WEBHOOK_ALLOW: '127.0.0.1' },
  ...(values.prof === undefined ? {} : profilingInto(values.prof)),
});
try {
  for (let n = 0; n < hanging; n++) {
    const topic = `bench.hanging.${n}`;
    await ask('POST', `${node.url}/api/topics`, { name: topic });
    const path = `/api/subscriptions/${topic}/hook/webhook`;
    await ask('PUT', `${node.url}${path}`, { url: silent });
    await fill(node.url, topic, 100);
  }
  await ask('POST', `${node.url}/api/topics`, { name: TOPIC });
  await fill(node.url, TOPIC, messages);
  const startedMs = performance.now();
  const startedCpuS = cpuSecondsOf(node.pid);
  const path = `/api/subscriptions/${TOPIC}/hook/webhook`;
  const webhook = { url: sink.target, concurrency, start: { from: 'earliest' } };
  await ask('PUT', `${node.url}${path}`, webhook);
  const { requests, cpuUs: sinkUs } = await sink.all;
  const seconds = (performance.now() - startedMs) / 1_000;
  const nodeUs = (cpuSecondsOf(node.pid) - startedCpuS) * 1e6;
  const each = (us: number): string => (us / messages).toFixed(0);
  process.stdout.write(
    `${messages} messages in ${seconds.toFixed(2)} s: ${Math.round(messages / seconds)}/s, ` +
      `concurrency ${concurrency}, ${requests - messages} came twice, ${hanging} endpoints hang; ` +
      `CPU a message: ${each(nodeUs)} us of the node, ${each(sinkUs)} us of the endpoint\n`,
  );
} finally {
  sink.stop();
  deaf.close();
  deaf.closeAllConnections();
  // Profiles are written by a node that ends.
  if (values.prof === undefined) await node.kill9();
  else await node.stop();
  await postgres.stop();
}
