// Goal: a page that somebody waits for is read until it is there, and no longer than somebody waits.
import t from 'tap';
import { eventually } from '../../../../native-bench/rig/eventually.js';
import type { LogPage, ReadRange } from '../../../../src/log/contract/message-log.js';
import { PageReads, type WantedPage } from '../../../../src/topic/log/page-reads.js';

const PAGE: LogPage = { rows: [], firstSequence: 1, lastSequence: 0 };

function rangeFrom(fromSequence: number): ReadRange {
  const bounds = { rowsMax: 10, bytesMax: 1_000, order: 'asc' } as const;
  return { topicId: 1, fromSequence, toSequence: 100, ...bounds };
}

/** Reads answer as `answers` say, one after another; the last one again and again. */
function rig(answers: readonly (LogPage | Error)[]) {
  const read: number[] = [];
  const failed: unknown[] = [];
  const reads = new PageReads({
    read: async ({ fromSequence }) => {
      const answer = answers[Math.min(read.length, answers.length - 1)];
      read.push(fromSequence);
      if (answer instanceof Error || answer === undefined) throw answer;
      return answer;
    },
    clock: { random: () => 0 },
  });
  const want = (page: Partial<WantedPage>): void => {
    reads.want({
      range: () => rangeFrom(1),
      onPage: () => 'taken',
      onFailed: (error) => failed.push(error),
      ...page,
    });
  };
  t.teardown(() => reads.stop());
  return { reads, read, failed, want };
}

const away = new Error('away');

t.test('after failures it is asked anew what is wanted, and given once', async (t) => {
  const { read, failed, want } = rig([away, away, PAGE]);
  let next = 5;
  const given: [LogPage, number][] = [];
  want({
    range: () => rangeFrom(next++),
    onPage: (page, { fromSequence }) => {
      given.push([page, fromSequence]);
      return 'taken';
    },
  });
  await eventually(() => given.length > 0);
  t.same(given, [[PAGE, 7]]);
  t.same(read, [5, 6, 7]);
  t.same(failed, [away, away]);
});

t.test('one that lacks what was asked for is read again, which is no failure', async (t) => {
  const { read, failed, want } = rig([PAGE]);
  let left = 2;
  want({ onPage: () => (left-- > 0 ? 'again' : 'taken') });
  await eventually(() => read.length === 3);
  t.same(failed, []);
});

t.test('what is done with it may fail as the read may', async (t) => {
  const { read, failed, want } = rig([PAGE]);
  want({
    onPage: async () => {
      if (read.length < 2) throw away;
      return 'taken' as const;
    },
  });
  await eventually(() => read.length === 2);
  t.same(failed, [away]);
});

t.test('when nobody waits any more, and after a stop, nothing is read again', async (t) => {
  const ended = rig([away]);
  let asked = 0;
  ended.want({ range: () => (asked++ === 0 ? rangeFrom(1) : null) });
  await eventually(() => asked === 2);
  const stopped = rig([away]);
  stopped.want({});
  await eventually(() => stopped.failed.length === 1);
  stopped.reads.stop();
  const failing = rig([away]);
  failing.want({ onFailed: () => failing.reads.stop() });
  await eventually(() => failing.read.length === 1);
  // Three tries of another, that began later, take longer than their second would.
  const other = rig([away]);
  other.want({});
  await eventually(() => other.read.length === 3);
  for (const { read } of [ended, stopped, failing]) t.same(read, [1]);
});
