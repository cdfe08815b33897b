/**
 * `npm run prometheus`: Prometheus itself, Debian's package of that name, reads a node under load. The files
 * of ops/ are checked by promtool, what /metrics answers is linted, the alerts have to fire where their
 * cases say so, and each expression of an alert or panel is asked of a Prometheus that scraped the node.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { eventually } from '../native-bench/rig/eventually.js';
import { freePort } from '../native-bench/rig/free-port.js';
import { PACKAGE_FOLDER, startNode, type TestNode } from '../native-bench/rig/node.js';
import { request } from './support/clients/publisher.js';
import { Subscriber } from './support/clients/subscriber.js';
import { alertExpressions, panelExpressions } from './support/documents/ops-files.js';

const OPS = path.join(PACKAGE_FOLDER, 'ops');
const JSON_TYPE = { 'content-type': 'application/json' };
/** Of a rate there is nothing before the second scrape. */
const SCRAPES = 3;

interface Answer {
  status: string;
  error?: string;
  data?: { result: { value: [number, string] }[] };
}

const folder = mkdtempSync(path.join(tmpdir(), 'conduit-prometheus-'));
const node = await startNode({ WORKERS: '2' });
const port = await freePort();
const configFile = path.join(folder, 'prometheus.yml');
writeFileSync(configFile, configured());
check('promtool', ['check', 'config', path.join(OPS, 'prometheus.yml')]);
check('promtool', ['check', 'config', configFile]);
check('promtool', ['test', 'rules', 'alerts.test.yml']);
const prometheus = spawn(
  'prometheus',
  [
    `--config.file=${configFile}`,
    `--storage.tsdb.path=${path.join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ],
  { stdio: ['ignore', 'ignore', 'pipe'] },
);
let said = '';
prometheus.stderr.on('data', (chunk: Buffer) => {
  said = `${said}${chunk.toString()}`.slice(-4_000);
});
try {
  await load(node);
  const text = await (await fetch(`${node.url}/metrics`)).text();
  check('promtool', ['check', 'metrics'], text);
  await eventually(async () => (await numberOf(`sum(scrape_samples_scraped)`)) > 0, 60_000);
  await load(node);
  await eventually(
    async () => (await numberOf('sum(count_over_time(up{job="conduit"}[5m]))')) >= SCRAPES,
    60_000,
  );
  const published = await numberOf('sum(conduit_published_messages_total{result="ok"})');
  if (published !== 200) throw new Error(`Prometheus saw ${published} of 200 messages`);
  const failed: string[] = [];
  const expressions = [...alertExpressions().values(), ...panelExpressions()];
  for (const expression of expressions) {
    const { status, error } = await query(expression);
    if (status !== 'success') failed.push(`${expression}: ${error}`);
  }
  if (failed.length > 0) throw new Error(failed.join('\n'));
  const samples = await numberOf('max(scrape_samples_scraped)');
  const seconds = await numberOf('max(scrape_duration_seconds)');
  say(
    `Prometheus scraped ${samples} series in ${seconds} s at most, ${text.length} bytes; ` +
      `${expressions.length} expressions are good`,
  );
} catch (error) {
  say(said);
  throw error;
} finally {
  prometheus.kill('SIGTERM');
  await node.stop();
  rmSync(folder, { recursive: true, force: true });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function configured(): string {
  return readFileSync(path.join(OPS, 'prometheus.yml'), 'utf8')
    .replace('127.0.0.1:8080', `127.0.0.1:${node.port}`)
    .replace('- alerts.yml', `- ${path.join(OPS, 'alerts.yml')}`)
    .replaceAll('15s', '1s');
}

/** Throws what it says where it finds fault. */
function check(program: string, args: string[], input = ''): void {
  const { status, error, stdout, stderr } = spawnSync(program, args, {
    ...{ cwd: OPS, input, encoding: 'utf8' },
  });
  if (error !== undefined) throw new Error(`${program}: install Debian's package prometheus`);
  const found = `${stdout}${stderr}`.trim();
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} exits ${status}: ${found}`);
  say(`${program} ${args.join(' ')}: ${found === '' ? 'nothing to say' : found}`);
}

/** A hundred messages to two subscribers, some refused, some errors. */
async function load({ url, wsUrl }: TestNode): Promise<void> {
  const post = (where: string, body: object) =>
    request(`${url}${where}`, { method: 'POST', headers: JSON_TYPE, body: JSON.stringify(body) });
  await post('/api/topics', { name: 'load' });
  const [one, other] = await Promise.all([
    Subscriber.open(wsUrl, 'json'),
    Subscriber.open(wsUrl, 'msgpack'),
  ]);
  await Promise.all([one.subscribe('load'), other.subscribe('load')]);
  for (let n = 0; n < 100; n++) await post('/api/publish', { topic: 'load', payload: n });
  await post('/api/publish', { topic: 'nothing', payload: 1 });
  await eventually(() => one.messages.length === 100 && other.messages.length === 100);
  other.send({ type: 'reject', topic: 'load', sequence: Number(other.messages[0]?.sequence) });
  one.close();
  other.close();
}

async function query(expression: string): Promise<Answer> {
  const asked = new URLSearchParams({ query: expression });
  const answer = await fetch(`http://127.0.0.1:${port}/api/v1/query?${asked}`).catch(() => null);
  return answer === null ? { status: 'away' } : ((await answer.json()) as Answer);
}

/** NaN: there is nothing, or Prometheus is not there yet. */
async function numberOf(expression: string): Promise<number> {
  const { data } = await query(expression);
  return Number(data?.result[0]?.value[1] ?? Number.NaN);
}
