// Goal: a drain waits for what sessions had sent, and for no longer than it may.
import t from 'tap';
import { Drain } from '../../../src/acceptor/drain.js';
import { leftOverLine } from '../../../src/supervisor/left-over.js';

/** `unread` sessions, which are read at so many looks of the drain. */
function rig(unread: number, looks: number, shutdownTimeoutMs = 100) {
  let left = looks;
  const isRead = (): boolean => left-- <= 0;
  return new Drain({
    requests: { owed: () => new Set(), owedPublishes: () => 0 },
    browsing: { owed: () => [] },
    frames: { unread, backlog: () => ({ isRead }) },
    limits: { shutdownTimeoutMs },
  });
}

t.test('nothing waits: it goes on at once', async (t) => {
  let isOver = false;
  void rig(0, 0)
    .read()
    .then(() => {
      isOver = true;
    });
  await Promise.resolve();
  await Promise.resolve();
  t.equal(isOver, true);
});

t.test('what is never read is left over, and said', async (t) => {
  const drain = rig(2, Number.POSITIVE_INFINITY);
  await drain.read();
  const left = await drain.answered();
  t.match(left, { publishes: 0, requests: 0, unread: 2 });
  t.match(leftOverLine(left), /the last that 2 sessions sent, which was not read/);
});

t.test('who goes on sending does not hold it up', async (t) => {
  const drain = rig(1, 2, 60_000);
  await drain.read();
  t.match(await drain.answered(), { unread: 0 });
});
