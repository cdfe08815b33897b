/** What stands at the end of a chaos test, by the server's own HTTP API. */

import { eventually } from '../../../native-bench/rig/eventually.js';
import { type Answer, request } from '../clients/publisher.js';
import type {
  DeadLetterRow,
  DeliveryHistory,
  DurableEnd,
  LoggedMessage,
} from '../delivery/delivery-history.js';
import type { ChaosConsumer } from './chaos-consumer.js';
import type { ChaosRecorder } from './chaos-recorder.js';

export interface ChaosScope {
  url: string;
  topics: readonly string[];
  durables: readonly { name: string; sessions: 'group' | 'one' }[];
}

const PAGE = 500;

/** Asks until the node has its log again. */
async function get(url: string): Promise<Answer> {
  let answer = await request(url, {});
  await eventually(async () => {
    if (answer.status === 503) answer = await request(url, {});
    return answer.status !== 503;
  });
  if (answer.status !== 200) throw new Error(`${url}: ${answer.status} ${answer.body.code}`);
  return answer;
}

async function readHeads({ url, topics }: ChaosScope): Promise<Map<string, number>> {
  const heads = new Map<string, number>();
  for (const topic of topics) {
    const { body } = await get(`${url}/api/topics/${topic}/position`);
    heads.set(topic, Number(body.sequence));
  }
  return heads;
}

async function readFloor(url: string, topic: string, name: string): Promise<number> {
  const { body } = await get(`${url}/api/subscriptions/${topic}/${name}`);
  return Number(body.ack_floor);
}

async function readLog(url: string, topic: string): Promise<LoggedMessage[]> {
  const log: LoggedMessage[] = [];
  for (let from: unknown = 1; from !== undefined; ) {
    const query = `from_sequence=${from}&limit=${PAGE}`;
    const { body } = await get(`${url}/api/topics/${topic}/messages?${query}`);
    for (const row of body.messages as Record<string, unknown>[]) {
      const { n } = row.payload as { n: unknown };
      const messageId = String(row.message_id);
      log.push({ topic, sequence: Number(row.sequence), messageId, mark: String(n) });
    }
    from = body.next;
  }
  return log;
}

async function readDeadLetters(url: string): Promise<DeadLetterRow[]> {
  const rows: DeadLetterRow[] = [];
  for (let after: unknown = 0; after !== undefined; ) {
    const { body } = await get(`${url}/api/dead-letters?limit=${PAGE}&after=${after}`);
    for (const row of body.dead_letters as Record<string, unknown>[]) {
      rows.push({
        id: Number(row.id),
        topic: String(row.topic),
        subscription: row.subscription == null ? null : String(row.subscription),
        sequence: Number(row.sequence),
        attempts: Number(row.attempts),
        reason: String(row.reason),
      });
    }
    after = body.next;
  }
  return rows;
}

/** Whether every durable subscription has settled all, and every ephemeral one was given all. */
export async function becomesQuiet(
  scope: ChaosScope,
  ephemeral: readonly ChaosConsumer[],
  withinMs: number,
): Promise<boolean> {
  const heads = await readHeads(scope);
  const isQuiet = async (): Promise<boolean> => {
    if (!ephemeral.every((consumer) => consumer.hasAll(heads))) return false;
    for (const topic of scope.topics) {
      for (const { name } of scope.durables) {
        if ((await readFloor(scope.url, topic, name)) < (heads.get(topic) ?? 0)) return false;
      }
    }
    return true;
  };
  return eventually(isQuiet, withinMs).then(
    () => true,
    () => false,
  );
}

export async function readHistory(
  scope: ChaosScope,
  recorder: ChaosRecorder,
  maxDeliver: number,
): Promise<DeliveryHistory> {
  const log: LoggedMessage[] = [];
  const durables: DurableEnd[] = [];
  for (const topic of scope.topics) {
    log.push(...(await readLog(scope.url, topic)));
    for (const { name, sessions } of scope.durables) {
      const ackFloor = await readFloor(scope.url, topic, name);
      durables.push({ topic, name, sessions, startedAfter: 0, ackFloor });
    }
  }
  const deadLetters = await readDeadLetters(scope.url);
  return { events: recorder.events, log, deadLetters, durables, maxDeliver };
}
