/**
 * `node dist/native-bench/webhooks.js [--messages N] [--concurrency N] [--hanging N]`: how fast a node with
 * PostgreSQL sends what a topic has to one local endpoint, which answers 204 at once; with `--hanging` so
 * many other webhooks have an endpoint that never answers, and messages for it. The endpoints are in this
 * process.
 */
import { readFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { startNode } from './rig/node.js';
import { startPostgres } from './rig/postgres.js';

const TOPIC = 'bench.webhook';
const BATCH = 1_000;

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '50000' },
    concurrency: { type: 'string', default: '16' },
    hanging: { type: 'string', default: '0' },
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

async function listen(onRequest: http.RequestListener): Promise<[http.Server, string]> {
  const server = http.createServer(onRequest);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return [server, `http://127.0.0.1:${port}/`];
}

/** Those that came, each once, and when all had. */
const seen = new Set<string>();
let taken = 0;
let over: () => void = () => undefined;
const all = new Promise<void>((resolve) => {
  over = resolve;
});
const [server, target] = await listen((req, res) => {
  req.resume();
  req.on('end', () => {
    res.writeHead(204).end();
    taken++;
    seen.add(String(req.headers['webhook-id']));
    if (seen.size === messages) over();
  });
});
const [deaf, silent] = await listen(() => undefined);
const postgres = await startPostgres();
const env = { DATABASE_URL: postgres.url, WORKERS: '1', WEBHOOK_ALLOW: '127.0.0.1' };
const node = await startNode(env);
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
  const startedCpuS = cpuSecondsOf(node.process.pid ?? 0);
  const path = `/api/subscriptions/${TOPIC}/hook/webhook`;
  const webhook = { url: target, concurrency, start: { from: 'earliest' } };
  await ask('PUT', `${node.url}${path}`, webhook);
  await all;
  const seconds = (performance.now() - startedMs) / 1_000;
  const cpuUs = ((cpuSecondsOf(node.process.pid ?? 0) - startedCpuS) / messages) * 1e6;
  process.stdout.write(
    `${messages} messages in ${seconds.toFixed(2)} s: ${Math.round(messages / seconds)}/s, ` +
      `concurrency ${concurrency}, ${taken - messages} came twice, ` +
      `${hanging} endpoints hang; ${cpuUs.toFixed(0)} us of the node's CPU a message\n`,
  );
} finally {
  for (const one of [server, deaf]) {
    one.close();
    one.closeAllConnections();
  }
  await node.kill9();
  await postgres.stop();
}
