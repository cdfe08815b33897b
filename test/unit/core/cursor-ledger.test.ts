// Goal: what is settled long before its time leaves nothing behind in the books.
import t from 'tap';
import { newEntry } from '../../../src/core/cursor-entry.js';
import { CursorLedger } from '../../../src/core/cursor-ledger.js';

const DAY_MS = 86_400_000;

t.test('the timers of settled deliveries are dropped', async (t) => {
  const ledger = new CursorLedger('none', { ackFloor: 0 });
  let most = 0;
  for (let sequence = 1; sequence <= 20_000; sequence++) {
    ledger.delivered = sequence;
    const entry = { ...newEntry(sequence), state: 'waiting' as const, dueAtMs: DAY_MS + sequence };
    ledger.add(entry);
    if (sequence % 1_000 !== 0) ledger.finish(entry, 'settled');
    most = Math.max(most, ledger.timers.size);
  }
  t.ok(most <= 1_100, `${most} places`);
  t.equal(ledger.size, 20);
  const left: number[] = [];
  for (let entry = ledger.timers.pop(); entry !== undefined; entry = ledger.timers.pop()) {
    if (entry.state === 'waiting') left.push(entry.sequence);
  }
  const kept = Array.from({ length: 20 }, (_, n) => (n + 1) * 1_000);
  t.same(left, kept, 'what waits keeps its place');
});
