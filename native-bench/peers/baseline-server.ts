/**
 * A plain server: node:http, and for each publish one statement that is committed before the answer.
 * It has no subscribers. Argument `sequence`: the row of the topic gives the number; `identity`: the
 * table does, for all topics together. PostgreSQL is found by the environment (PGHOST ...).
 */
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { sayReady } from './own-program.js';

interface Answer {
  status: number;
  body: unknown;
}

interface Stored {
  sequence: string;
  published_at: Date;
}

/** pg's own default. */
const CONNECTIONS = 10;
const UNIQUE_VIOLATION = '23505';

/** Parameters: topic, message id, payload. No row: no such topic. */
const PUBLISH: Readonly<Record<string, string>> = {
  sequence: `WITH topic AS (
      UPDATE topics SET sequence = sequence + 1 WHERE name = $1 RETURNING id, sequence
    )
    INSERT INTO messages (topic_id, sequence, message_id, payload)
    SELECT id, sequence, $2, $3 FROM topic RETURNING sequence, published_at`,
  identity: `INSERT INTO messages (topic_id, message_id, payload)
    SELECT id, $2, $3 FROM topics WHERE name = $1 RETURNING sequence, published_at`,
};

const publishSql = PUBLISH[process.argv[2] ?? ''];
if (publishSql === undefined) throw new Error('usage: baseline-server sequence|identity');

const pool = new pg.Pool({ max: CONNECTIONS });
const server = http.createServer((request, response) => {
  route(request)
    .catch((error: Error) => ({ status: 500, body: { error: error.message } }))
    .then(({ status, body }) => {
      const text = JSON.stringify(body);
      response.writeHead(status, {
        'Content-Type': 'application/json',
        'Content-Length': Buffer.byteLength(text),
      });
      response.end(text);
    })
    .catch((error: Error) => response.destroy(error));
});
server.keepAliveTimeout = 0;
server.listen(0, '127.0.0.1', () => sayReady((server.address() as AddressInfo).port));

async function route(request: http.IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString();
  if (request.method === 'POST' && request.url === '/api/publish') return publish(body);
  if (request.method === 'POST' && request.url === '/api/topics') return createTopic(body);
  return { status: 404, body: { error: 'not found' } };
}

async function publish(text: string): Promise<Answer> {
  const { topic, payload } = JSON.parse(text) as { topic: string; payload: unknown };
  const messageId = randomUUID();
  const { rows } = await pool.query<Stored>({
    name: 'publish',
    text: publishSql ?? '',
    values: [topic, messageId, Buffer.from(JSON.stringify(payload))],
  });
  const stored = rows[0];
  if (stored === undefined) return { status: 404, body: { error: 'no such topic' } };
  const { sequence, published_at } = stored;
  const answer = { message_id: messageId, topic, sequence: Number(sequence), subscribers: 0 };
  return { status: 200, body: { ...answer, published_at } };
}

async function createTopic(text: string): Promise<Answer> {
  const { name } = JSON.parse(text) as { name: string };
  try {
    await pool.query('INSERT INTO topics (name) VALUES ($1)', [name]);
  } catch (error) {
    if ((error as pg.DatabaseError).code !== UNIQUE_VIOLATION) throw error;
    return { status: 409, body: { error: 'there is such a topic' } };
  }
  return { status: 201, body: { name } };
}
