/**
 * Judges the log against what publishers were told, with set algebra: nothing acknowledged is missing,
 * nothing is there that nobody sent, what was refused is not there, and the sequences of each topic
 * are 1, 2, 3, ... Reads the log itself, by SQL.
 */
import pg from 'pg';
import type { Attempt } from '../clients/publisher.js';

export interface Verdict {
  rows: number;
  acked: number;
  /** Acknowledged, not in the log. */
  lost: string[];
  /** In the log, never sent. */
  phantom: string[];
  /** In the log although refused. */
  storedThoughRefused: string[];
  /** Answered with another place than the log has. */
  misplaced: string[];
  /** Topics whose sequences are not contiguous from 1 and unique, or pass the topic's head. */
  broken: string[];
  /** In the log twice. */
  twice: string[];
}

export async function judgeLog(databaseUrl: string, history: readonly Attempt[]): Promise<Verdict> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{
      name: string;
      sequence: string;
      message_id: string;
      payload: Buffer;
    }>(
      `SELECT t.name, m.sequence, m.message_id, m.payload FROM conduit.messages m
       JOIN conduit.topics t ON t.id = m.topic_id WHERE t.deleted_at IS NULL ORDER BY t.id, m.sequence`,
    );
    const heads = await client.query<{ name: string; last_sequence: string }>(
      `SELECT t.name, h.sequence AS last_sequence FROM conduit.topics t
       JOIN conduit.topic_heads(ARRAY(SELECT id FROM conduit.topics)) h ON h.topic_id = t.id
       WHERE t.deleted_at IS NULL`,
    );
    return judge(rows, new Map(heads.rows.map((r) => [r.name, Number(r.last_sequence)])), history);
  } finally {
    await client.end();
  }
}

interface LoggedRow {
  name: string;
  sequence: string;
  message_id: string;
  payload: Buffer;
}

/** The verdict on rows in topic and sequence order. */
export function judge(
  rows: readonly LoggedRow[],
  heads: ReadonlyMap<string, number>,
  history: readonly Attempt[],
): Verdict {
  const logged = new Map<string, LoggedRow>();
  const twice: string[] = [];
  const broken = new Set<string>();
  const last = new Map<string, number>();
  for (const row of rows) {
    const mark = String((JSON.parse(row.payload.toString('utf8')) as { n: unknown }).n);
    if (logged.has(mark)) twice.push(mark);
    logged.set(mark, row);
    const expected = (last.get(row.name) ?? 0) + 1;
    if (Number(row.sequence) !== expected) broken.add(`${row.name} at ${row.sequence}`);
    last.set(row.name, Number(row.sequence));
  }
  for (const [name, head] of heads) {
    if ((last.get(name) ?? 0) !== head) broken.add(`${name}: head ${head}, last ${last.get(name)}`);
  }
  const sent = new Map(history.map((attempt) => [attempt.mark, attempt]));
  const acked = history.filter((attempt) => attempt.outcome === 'ok');
  return {
    rows: rows.length,
    acked: acked.length,
    lost: acked.filter((a) => !logged.has(a.mark)).map((a) => a.mark),
    phantom: [...logged.keys()].filter((mark) => !sent.has(mark)),
    storedThoughRefused: history
      .filter((a) => a.outcome === 'refused' && logged.has(a.mark))
      .map((a) => a.mark),
    misplaced: acked
      .filter((a) => {
        const row = logged.get(a.mark);
        return (
          row !== undefined &&
          (Number(row.sequence) !== a.sequence || row.message_id !== a.messageId)
        );
      })
      .map((a) => a.mark),
    broken: [...broken],
    twice,
  };
}
