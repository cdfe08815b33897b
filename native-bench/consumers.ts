/**
 * `node dist/native-bench/consumers.js pull [--messages N] [--pullers N] [--max N]`: how fast HTTP consumers
 * take what a topic has, on a node with PostgreSQL, each batch acknowledged before the next is asked for.
 * One process pulls, beside the node, and prints what it saw.
 */
import http from 'node:http';
import { parseArgs } from 'node:util';
import { startNode } from './rig/node.js';
import { startPostgres } from './rig/postgres.js';

const TOPIC = 'bench.pull';
const PLACE = `/api/subscriptions/${TOPIC}/bench`;
const BATCH = 1_000;
const agent = new http.Agent({ keepAlive: true, maxSockets: 256 });

interface Pulled {
  messages: { token: string; sequence: number }[];
}

function post(url: string, body: unknown): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const call = http.request(url, { method: 'POST', headers, agent }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        if ((answer.statusCode ?? 0) < 300) resolve(JSON.parse(text) as Record<string, unknown>);
        else reject(new Error(`${url}: ${text}`));
      });
    });
    call.on('error', reject);
    call.end(JSON.stringify(body));
  });
}

async function fill(url: string, messages: number): Promise<void> {
  await post(`${url}/api/topics`, { name: TOPIC });
  await post(`${url}${PLACE}/pull`, {});
  const payload = { text: 'x'.repeat(100) };
  for (let sent = 0; sent < messages; sent += BATCH) {
    const all = Array.from({ length: BATCH }, () => ({ topic: TOPIC, payload }));
    await post(`${url}/api/publish/batch`, { messages: all });
  }
}

async function pullAll(url: string, max: number, isOver: (taken: number) => boolean) {
  for (let taken = 0; !isOver(taken); ) {
    const answer = await post(`${url}${PLACE}/pull`, { max, wait_ms: 100, ack_wait_ms: 60_000 });
    const { messages } = answer as unknown as Pulled;
    taken = messages.length;
    if (taken === 0) continue;
    const { settled } = await post(`${url}${PLACE}/ack`, {
      tokens: messages.map(({ token }) => token),
    });
    if (settled !== taken) throw new Error(`${settled} of ${taken} were settled`);
  }
}

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '200000' },
    pullers: { type: 'string', default: '4' },
    max: { type: 'string', default: '100' },
  },
  allowPositionals: true,
});
const messages = Number(values.messages);
const postgres = await startPostgres();
const node = await startNode({ DATABASE_URL: postgres.url, WORKERS: '1' });
try {
  await fill(node.url, messages);
  const startedMs = performance.now();
  let taken = 0;
  const isOver = (more: number): boolean => {
    taken += more;
    return taken >= messages;
  };
  const pullers = Array.from({ length: Number(values.pullers) }, () =>
    pullAll(node.url, Number(values.max), isOver),
  );
  await Promise.all(pullers);
  const seconds = (performance.now() - startedMs) / 1_000;
  const rate = Math.round(taken / seconds);
  process.stdout.write(
    `${taken} messages in ${seconds.toFixed(2)} s: ${rate}/s, ${values.pullers} pullers, max ${values.max}\n`,
  );
} finally {
  agent.destroy();
  await node.kill9();
  await postgres.stop();
}
