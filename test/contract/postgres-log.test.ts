// Goal: the log in PostgreSQL keeps the contract of the message log.
import t from 'tap';
import { startPostgres } from '../../native-bench/rig/postgres.js';
import { systemClock } from '../../src/core/clock.js';
import { DatabaseClock } from '../../src/core/database-clock.js';
import { DEFAULT_LIMITS } from '../../src/core/limits.js';
import { PostgresLog } from '../../src/log/postgres/postgres-log.js';
import { migrate } from '../../src/log/postgres/upkeep/migrations.js';
import { addOther } from '../support/tenants.js';
import { suite } from './message-log.js';
import type { TestAppend } from './recording-sink.js';
import { RecordingSink } from './recording-sink.js';

const server = await startPostgres();
await migrate(server.url);
await addOther(server.url);
// Before the suite's own teardowns are added: tap runs them last first.
t.teardown(() => server.stop());

let opened = 0;

suite(t, async (limits) => {
  const sink = new RecordingSink();
  const name = `test/${++opened}`;
  const log = new PostgresLog<TestAppend>({
    databaseUrl: server.url,
    applicationName: name,
    limits: { ...DEFAULT_LIMITS, ...limits },
    clock: new DatabaseClock(systemClock),
    sink,
    onTrouble: () => undefined,
    notify: true,
    // Several logs of the suite are open at once: each releases what its own tests made.
    owns: () => true,
  });
  await log.open();
  return { log, sink };
});
