// Goal: a redrive job starts only when it is asked to, says what really happened when the log's answer was
// lost, and jobs are bounded.

import t from 'tap';
import { eventually } from '../../../../native-bench/rig/eventually.js';
import { systemClock } from '../../../../src/core/clock.js';
import type { DeadLetterRecord } from '../../../../src/core/dead-letter-record.js';
import type { Tenant } from '../../../../src/core/topic-key.js';
import type { SubscriptionStore } from '../../../../src/log/contract/subscription-store.js';
import { RedriveJobs } from '../../../../src/topic/calls/redrive-jobs.js';
import {
  filterOf,
  givenUp,
  lettersOf,
  saveOf,
  taken,
  topicWith,
} from '../../../contract/subscription-store.js';
import { openMemoryStore } from '../../../support/log/memory-log.js';
import { TENANT } from '../../../support/tenants/tenants.js';

const RUNNING_MAX = 100;

const open = await openMemoryStore();
t.teardown(() => open.log.close());

function jobsOn(store: SubscriptionStore, given: DeadLetterRecord[] = []): RedriveJobs {
  return new RedriveJobs({
    store,
    clock: systemClock,
    owns: () => true,
    isLive: () => false,
    deliveredOf: async () => Number.POSITIVE_INFINITY,
    onRedriven: async (record) => given.push(record) > 0,
    onFailed: (error) => t.fail(String(error)),
  });
}

/** A topic with dead letters of `count` messages. */
async function topicOfLetters(count: number): Promise<{ filter: ReturnType<typeof filterOf> }> {
  const topic = await topicWith(open, count);
  const record = await taken(open, topic);
  const deadLetters = Array.from({ length: count }, (_, n) => givenUp(n + 1));
  await open.store.save([saveOf(record, { ackFloor: count, delivered: count, deadLetters })]);
  return { filter: filterOf(topic, { subscription: 'sub' }) };
}

t.test('what is only looked for starts nothing', async (t) => {
  const { filter } = await topicOfLetters(2);
  const jobs = jobsOn(open.store);
  t.same(await jobs.match({ filter, limit: 1 }), { matched: 1, gone: 0 });
  t.equal((await lettersOf(open, filter)).length, 2);
});

t.test('an answer that was lost after the marking is made up for', async (t) => {
  const { filter } = await topicOfLetters(3);
  let lost = 0;
  // The store of the log, whose first answer to `redrive` never arrives.
  const store: SubscriptionStore = new Proxy(open.store, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      if (name !== 'redrive') return typeof method === 'function' ? method.bind(target) : method;
      return async (tenant: Tenant, ids: readonly number[]) => {
        const marked = await target.redrive(tenant, ids);
        if (lost++ === 0) throw new Error('the connection was lost');
        return marked;
      };
    },
  });
  const given: DeadLetterRecord[] = [];
  const jobs = jobsOn(store, given);
  await jobs.start({ job: 'a', filter, limit: 10, rate: 1_000 });
  await eventually(() => jobs.find(TENANT, 'a')?.state === 'done');
  t.same(jobs.find(TENANT, 'a'), { state: 'done', done: 3, total: 3, failed: 0 });
  t.same(
    given.map(({ row }) => row.sequence),
    [1, 2, 3],
    'the engine takes in each',
  );
});

t.test('so many run at a time, no more', async (t) => {
  const { filter } = await topicOfLetters(3 * RUNNING_MAX);
  const jobs = jobsOn(open.store);
  const names = Array.from({ length: RUNNING_MAX }, (_, n) => `job ${n}`);
  for (const job of names) await jobs.start({ job, filter, limit: 2, rate: 1 });
  const more = { job: 'more', filter: { ...filter, subscription: null }, limit: 2, rate: 1 };
  await t.rejects(jobs.start(more), { code: 'busy' });
  t.equal(jobs.find(TENANT, 'more'), null);
  for (const job of names) jobs.cancel(TENANT, job);
  await jobs.start(more);
  t.not(jobs.find(TENANT, 'more'), null);
  jobs.cancel(TENANT, 'more');
});

t.test('a job that was given up while its start was on its way does not run', async (t) => {
  const { filter } = await topicOfLetters(2);
  let waiting = 0;
  let answer = (): void => undefined;
  const answered = new Promise<void>((resolve) => {
    answer = resolve;
  });
  // The store of the log, whose count takes until `answer`.
  const store: SubscriptionStore = new Proxy(open.store, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      if (name !== 'countDeadLetters') {
        return typeof method === 'function' ? method.bind(target) : method;
      }
      return async (of: Parameters<SubscriptionStore['countDeadLetters']>[0]) => {
        waiting++;
        await answered;
        return target.countDeadLetters(of);
      };
    },
  });
  const jobs = jobsOn(store);
  const pace = { filter, limit: 10, rate: 1_000 };
  jobs.giveUp(TENANT, 'before');
  const starts = ['before', 'during', 'other'].map((job) => jobs.start({ job, ...pace }));
  await eventually(() => waiting === starts.length);
  jobs.giveUp(TENANT, 'during');
  answer();
  t.same(await Promise.all(starts), [
    { matched: 0, gone: 0 },
    { matched: 0, gone: 0 },
    { matched: 2, gone: 0 },
  ]);
  t.equal(jobs.find(TENANT, 'before'), null);
  t.equal(jobs.find(TENANT, 'during'), null);
  await eventually(() => jobs.find(TENANT, 'other')?.state === 'done');
});

t.test('a job that runs ends when it is given up', async (t) => {
  const { filter } = await topicOfLetters(2);
  const jobs = jobsOn(open.store);
  await jobs.start({ job: 'running', filter, limit: 10, rate: 1 });
  jobs.giveUp(TENANT, 'running');
  t.match(jobs.find(TENANT, 'running'), { state: 'cancelled' });
});

t.test(
  'a job whose worker ends asks the log for nothing more, and waits for nothing',
  async (t) => {
    const { filter } = await topicOfLetters(3);
    let isClosed = false;
    let late = 0;
    // The store of the log, which is closed in the end.
    const store: SubscriptionStore = new Proxy(open.store, {
      get(target, name) {
        const method: unknown = Reflect.get(target, name);
        if (typeof method !== 'function') return method;
        return (...args: unknown[]) => {
          if (!isClosed) return method.apply(target, args);
          late++;
          return Promise.reject(new Error('the log is closed'));
        };
      },
    });
    const given: DeadLetterRecord[] = [];
    const jobs = jobsOn(store, given);
    await jobs.start({ job: 'slow', filter, limit: 10, rate: 1 });
    await eventually(() => given.length === 1);
    isClosed = true;
    const { length: waiting } = process.getActiveResourcesInfo();
    jobs.stop();
    t.match(jobs.find(TENANT, 'slow'), { state: 'cancelled' });
    t.equal(process.getActiveResourcesInfo().length, waiting - 1, 'its pause is over');
    await new Promise((resolve) => setImmediate(resolve));
    t.equal(late, 0);
  },
);
