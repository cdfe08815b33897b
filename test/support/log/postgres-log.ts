/** Logs over one test database, as the workers of nodes open them. */

import { systemClock } from '../../../src/core/clock.js';
import { DatabaseClock } from '../../../src/core/database-clock.js';
import type { Limits } from '../../../src/core/limits.js';
import { DEFAULT_LIMITS } from '../../../src/core/limits.js';
import { troubleOf } from '../../../src/log/contract/trouble.js';
import { PostgresLog } from '../../../src/log/postgres/postgres-log.js';
import type { Trouble } from '../../../src/observe/outages.js';
import type { TestAppend } from '../../contract/recording-sink.js';
import { RecordingSink } from '../../contract/recording-sink.js';
import { keyOf } from '../tenants/tenants.js';

export interface TestLog {
  log: PostgresLog<TestAppend>;
  sink: RecordingSink;
  /** What the operator was told. */
  troubles: Trouble[];
}

type News = 'listens' | 'polls';

export async function openPostgresLog(
  databaseUrl: string,
  name: string,
  limits: Partial<Limits> = {},
  news: News = 'polls',
): Promise<TestLog> {
  const made = unopenedPostgresLog(databaseUrl, { name, limits, news });
  await made.log.open();
  return made;
}

export function unopenedPostgresLog(
  databaseUrl: string,
  { name, limits, news }: { name: string; limits: Partial<Limits>; news: News },
): TestLog {
  const sink = new RecordingSink();
  const troubles: Trouble[] = [];
  const log = new PostgresLog<TestAppend>({
    databaseUrl,
    applicationName: `conduit/${name}/w0`,
    limits: { ...DEFAULT_LIMITS, ...limits },
    clock: new DatabaseClock(systemClock),
    sink,
    onTrouble: (what, error) => troubles.push(troubleOf(what, error)),
    notify: news === 'listens',
    owns: () => true,
    isHere: () => true,
    keepsUp: () => true,
    onSnapshot: () => undefined,
  });
  return { log, sink, troubles };
}

export async function makeTopics(
  log: TestLog['log'],
  prefix: string,
  n: number,
): Promise<number[]> {
  const ids: number[] = [];
  for (let i = 0; i < n; i++) {
    ids.push((await log.createTopic(keyOf(`${prefix}.${i}`), null)).topic.id);
  }
  return ids;
}
