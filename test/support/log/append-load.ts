/**
 * Publishers straight on a log, for fault tests: each keeps one message outstanding and remembers what
 * it was told; `judgeAppends` holds that against what the database has.
 */
import pg from 'pg';
import type { ErrorCode } from '../../../src/core/errors.js';
import { formatUuid } from '../../../src/core/uuid.js';
import type { MessageLog } from '../../../src/log/contract/message-log.js';
import { TestAppend } from '../../contract/recording-sink.js';

export interface LoadOptions {
  log: MessageLog<TestAppend>;
  topicIds: readonly number[];
  /** Messages outstanding at any time. */
  publishers: number;
  until: () => boolean;
  /** Milliseconds between an answer and the publisher's next message; default 0. */
  pauseMs?: number;
}

export interface Told {
  append: TestAppend;
  sentAtMs: number;
  answeredAtMs: number;
}

/** Runs until `until`, then until all have their answer; all that was sent, in that order. */
export async function loadAppends(options: LoadOptions): Promise<Told[]> {
  const { log, topicIds, publishers, until, pauseMs = 0 } = options;
  const history: Told[] = [];
  const slots: (Told | null)[] = Array.from({ length: publishers }, () => null);
  let made = 0;
  for (;;) {
    const now = performance.now();
    const stop = until();
    let sent = 0;
    let open = 0;
    for (let n = 0; n < publishers; n++) {
      const slot = slots[n] ?? null;
      if (slot !== null && slot.append.outcome === null) {
        open++;
        continue;
      }
      if (slot !== null && slot.answeredAtMs === 0) slot.answeredAtMs = now;
      if (stop || (slot !== null && now - slot.answeredAtMs < pauseMs)) continue;
      const topicId = topicIds[made % topicIds.length] ?? 0;
      const payload = Buffer.from(`{"n":${made++}}`);
      const told = { append: new TestAppend(topicId, { payload }), sentAtMs: now, answeredAtMs: 0 };
      slots[n] = told;
      history.push(told);
      log.append(told.append);
      sent++;
    }
    if (sent > 0) log.flush();
    if (stop && open === 0) return history;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

export interface AppendVerdict {
  rows: number;
  committed: number;
  failed: Partial<Record<ErrorCode, number>>;
  /** Committed by what was told, and not in the log at that place. */
  lost: string[];
  /** In the log although it was told that they are not. */
  storedThoughFailed: string[];
  /** In the log more than once. */
  twice: string[];
  /** Topics whose sequences are not 1 to their head. */
  broken: string[];
  /** In the log, never sent. */
  phantom: string[];
}

export async function judgeAppends(
  databaseUrl: string,
  topicIds: readonly number[],
  appends: readonly TestAppend[],
): Promise<AppendVerdict> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  const { rows } = await client.query<{ topic_id: string; sequence: string; message_id: string }>(
    `SELECT topic_id, sequence, message_id FROM conduit.messages WHERE topic_id = ANY($1::bigint[])
     ORDER BY topic_id, sequence`,
    [topicIds],
  );
  const heads = await client.query<{ id: string; last_sequence: string }>(
    'SELECT topic_id AS id, sequence AS last_sequence FROM conduit.topic_heads($1::bigint[])',
    [topicIds],
  );
  await client.end();
  const last = new Map<string, number>(topicIds.map((id) => [String(id), 0]));
  const placeOf = new Map<string, string>();
  const twice: string[] = [];
  const broken: string[] = [];
  for (const { topic_id, sequence, message_id } of rows) {
    const expected = (last.get(topic_id) ?? 0) + 1;
    if (Number(sequence) !== expected) broken.push(`${topic_id}: ${sequence}, not ${expected}`);
    last.set(topic_id, Number(sequence));
    if (placeOf.has(message_id)) twice.push(message_id);
    placeOf.set(message_id, `${topic_id}/${sequence}`);
  }
  for (const { id, last_sequence } of heads.rows) {
    if (last.get(id) !== Number(last_sequence)) broken.push(`${id}: head ${last_sequence}`);
  }
  const failed: Partial<Record<ErrorCode, number>> = {};
  const lost: string[] = [];
  const storedThoughFailed: string[] = [];
  let committed = 0;
  for (const { topicId, messageId, outcome } of appends) {
    const id = formatUuid(messageId);
    const place = placeOf.get(id);
    placeOf.delete(id);
    if (outcome?.kind === 'committed') {
      committed++;
      if (place !== `${topicId}/${outcome.sequence}`) lost.push(`${id} at ${place}`);
    } else if (outcome?.kind === 'failed') {
      failed[outcome.code] = (failed[outcome.code] ?? 0) + 1;
      if (outcome.code !== 'outcome_unknown' && place !== undefined) storedThoughFailed.push(id);
    }
  }
  const phantom = [...placeOf.keys()];
  return { rows: rows.length, committed, failed, lost, storedThoughFailed, twice, broken, phantom };
}

/** Where messages of one log and topic were stored in another order than they were sent in. */
export function disorderOf(told: readonly Told[]): string[] {
  const last = new Map<number, number>();
  const disorder: string[] = [];
  for (const { append } of told) {
    if (append.sequence === 0) continue;
    const before = last.get(append.topicId) ?? 0;
    if (append.sequence < before) disorder.push(`${append.topicId}: ${append.sequence}<${before}`);
    last.set(append.topicId, append.sequence);
  }
  return disorder.slice(0, 10);
}

/** What must be empty whatever happened. */
export function faultsOf(verdict: AppendVerdict): string[] {
  const { lost, storedThoughFailed, twice, broken, phantom } = verdict;
  return [
    ...lost.map((one) => `lost ${one}`),
    ...storedThoughFailed.map((one) => `stored though failed ${one}`),
    ...twice.map((one) => `twice ${one}`),
    ...broken.map((one) => `broken ${one}`),
    ...phantom.map((one) => `phantom ${one}`),
  ].slice(0, 10);
}
