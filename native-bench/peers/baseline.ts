/**
 * What one would write first: node:http, and one INSERT a publish. `baseline` numbers the messages of
 * each topic by the topic's row, which makes publishes to one topic commit one after another;
 * `baseline-insert` has no order per topic, and commits that share a flush.
 */
import { createRequire } from 'node:module';
import type { Contender } from '../contender.js';
import { makeSchema } from './postgres-schema.js';
import { startProgram } from './server-process.js';

const TOPICS = `CREATE TABLE topics (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE,
  sequence bigint NOT NULL DEFAULT 0);`;
const COLUMNS = `message_id uuid NOT NULL, published_at timestamptz NOT NULL DEFAULT now(),
  payload bytea NOT NULL`;

export const baseline = plainServer(
  'baseline',
  'sequence',
  `${TOPICS} CREATE TABLE messages (topic_id bigint NOT NULL, sequence bigint NOT NULL, ${COLUMNS},
    PRIMARY KEY (topic_id, sequence))`,
);

export const baselineInsert = plainServer(
  'baseline-insert',
  'identity',
  `${TOPICS} CREATE TABLE messages (topic_id bigint NOT NULL,
    sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, ${COLUMNS})`,
);

function plainServer(name: string, numbering: string, tables: string): Contender {
  return {
    name,
    syncs:
      'each message in a transaction of its own; its WAL is flushed by PostgreSQL ' +
      '(fsync and synchronous_commit are on) before the answer',
    missing: async () => null,
    version: async () => {
      const { version } = createRequire(import.meta.url)('pg/package.json') as { version: string };
      return `Node.js ${process.versions.node}, pg ${version}, pool of 10`;
    },
    start: async (place) => {
      const schema = await makeSchema(place, `peer_${name.replace('-', '_')}`, tables);
      const program = new URL('./baseline-server.js', import.meta.url);
      const server = await startProgram(program, [numbering], schema.env);
      return {
        target: `127.0.0.1:${server.port}`,
        processes: { server: server.pid, ...schema.processes },
        stop: async () => {
          await server.stop();
          await schema.drop();
        },
      };
    },
  };
}
