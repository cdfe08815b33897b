/** The node of CONDUIT_URL: that it is there, is well, and brings a message through its whole path. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { ConduitClient } from '../../client/conduit-client.js';
import { connected, failureOf } from '../node/connection.js';
import type { NodeApi } from '../node/node-api.js';
import { removeOwnTopic } from '../node/own-topic.js';
import { apiOf, type NodeAsked, segment } from '../node/shown.js';
import { CommandFailure } from '../terminal/failure.js';
import { isRow, memberOf } from '../terminal/table.js';
import { type Check, failed, ok, skipped, warning, wordsOf } from './check.js';

const DELIVERED_MS = 10_000;
const SETTLED_MS = 5_000;
const POLL_MS = 50;
const SUBSCRIPTION = 'doctor';

export async function checkNode(asked: NodeAsked): Promise<Check[]> {
  const api = apiOf(asked);
  try {
    const checks = [...(await healthOf(api)), await versionOf(api, asked)];
    return [...checks, ...(await messagePath(api, asked))];
  } catch (error) {
    const { exitCode = 1 } = error instanceof CommandFailure ? error : {};
    const advice =
      exitCode === 3
        ? 'start one with conduit start, or say where it is in CONDUIT_URL'
        : 'CONDUIT_URL has to name a node of Conduit';
    return [
      failed('node', wordsOf(error), advice),
      skipped('message', 'there is no node to bring it through'),
    ];
  }
}

async function healthOf(api: NodeApi): Promise<Check[]> {
  const ready = await api.ask('/readyz', {}, [503]);
  const health = await api.ask('/api/health', {}, [503]);
  const troubles = [...troublesOf(ready.body['checks']), ...troublesOf(health.body['checks'])];
  const { durability, warning: told } = health.body;
  if (ready.status !== 200 || health.status !== 200) {
    const line = [...new Set(troubles)].join('; ') || 'it says that it is not well';
    return [failed('node', line, `${api.url}/api/health and the log of the node say more`)];
  }
  const mode = typeof durability === 'string' ? `, ${durability}` : '';
  const checks = [ok('node', `${api.url} is ready and well${mode}`)];
  if (typeof told === 'string') {
    checks.push(warning('node', told, 'set DATABASE_URL, or use conduit start'));
  }
  return checks;
}

function troublesOf(checks: unknown): string[] {
  if (!isRow(checks)) return [];
  return Object.entries(checks).flatMap(([name, state]) =>
    state === 'ok' ? [] : [`${name}: ${String(state)}`],
  );
}

async function versionOf(api: NodeApi, { shell }: NodeAsked): Promise<Check> {
  const { body } = await api.ask('/api/health', {}, [503]);
  const version = memberOf(body, 'version');
  if (typeof version !== 'string') {
    return skipped('node version', 'is told to a key with the scope operate or subscribe');
  }
  if (version === shell.version) return ok('node version', version);
  const line = `the node has ${version}, this command ${shell.version}`;
  return warning('node version', line, 'use one version: documents and options may differ');
}

/** Publishes, receives, acknowledges and looks for the acknowledgement, on a topic of its own. */
async function messagePath(api: NodeApi, asked: NodeAsked): Promise<Check[]> {
  const topic = `conduit-doctor.${randomUUID()}`;
  try {
    await api.ask('/api/topics', { method: 'POST', body: { name: topic } });
  } catch (error) {
    return [pathFailure(error, api.url)];
  }
  const check = await pathCheck(api, asked, topic);
  const left = await removeOwnTopic(api, topic);
  if (left === null) return [check];
  const advice = `delete it: conduit topics delete ${topic} --yes`;
  return [check, warning('topic', left, advice)];
}

async function pathCheck(api: NodeApi, asked: NodeAsked, topic: string): Promise<Check> {
  let client: ConduitClient | null = null;
  try {
    client = await connected(asked);
    const startedAt = performance.now();
    const steps = await travel(client, topic);
    if (!(await isSettled(api, topic))) {
      const line = `it was acknowledged, and the subscription lags ${SETTLED_MS / 1_000} s later`;
      return failed('message', line, `${api.url}/api/health and the log of the node say more`);
    }
    const ms = (performance.now() - startedAt).toFixed(0);
    return ok('message', `${steps}, acknowledgement stored: ${ms} ms in all`);
  } catch (error) {
    return pathFailure(error, api.url);
  } finally {
    await client?.close();
  }
}

async function travel(client: ConduitClient, topic: string): Promise<string> {
  const signal = AbortSignal.timeout(DELIVERED_MS);
  const messages = client.subscribe(topic, { subscription: SUBSCRIPTION, ack: 'manual', signal });
  await messages.ready();
  const askedAt = performance.now();
  const { sequence } = await client.publish(topic, { from: 'conduit doctor' }, { signal });
  const committedMs = (performance.now() - askedAt).toFixed(1);
  for await (const message of messages) {
    if (message.sequence !== sequence) continue;
    const deliveredMs = (performance.now() - askedAt).toFixed(1);
    message.ack();
    return `committed in ${committedMs} ms, delivered in ${deliveredMs} ms`;
  }
  throw new CommandFailure(1, `committed, and not delivered within ${DELIVERED_MS / 1_000} s`);
}

/** What is acknowledged is stored a moment later. */
async function isSettled(api: NodeApi, topic: string): Promise<boolean> {
  const place = `/api/subscriptions/${segment(topic)}/${SUBSCRIPTION}`;
  const giveUpAt = performance.now() + SETTLED_MS;
  for (;;) {
    const { body } = await api.ask(place);
    if (body['lag'] === 0) return true;
    if (performance.now() > giveUpAt) return false;
    await delay(POLL_MS);
  }
}

function pathFailure(thrown: unknown, url: string): Check {
  const error = failureOf(thrown, url);
  const { exitCode = 1 } = error instanceof CommandFailure ? error : {};
  if (exitCode === 4) {
    const advice =
      'CONDUIT_API_KEY has to be good for publish, subscribe and manage, and for all topics';
    return failed('message', wordsOf(error), advice);
  }
  return failed('message', wordsOf(error), `${url}/api/health and the log of the node say more`);
}
