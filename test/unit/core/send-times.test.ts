import t from 'tap';
import { SendTimes } from '../../../src/core/send-times.js';

t.test('what was sent together has one time, what came later a later one', async (t) => {
  const times = new SendTimes();
  times.sent(10, 100);
  times.sent(12, 200);
  t.equal(times.at(1), 100);
  t.equal(times.at(10), 100);
  t.equal(times.at(11), 200);
  t.equal(times.at(13), Number.NEGATIVE_INFINITY);
  t.equal(times.last, 12);
});

t.test('a time is never too early, and a few ms too late at most', async (t) => {
  const times = new SendTimes();
  const sentAt: number[] = [0];
  for (let sequence = 1; sequence <= 500; sequence++) {
    sentAt[sequence] = sequence * 1.5;
    times.sent(sequence, sequence * 1.5);
  }
  for (let sequence = 1; sequence <= 500; sequence++) {
    const late = times.at(sequence) - (sentAt[sequence] ?? 0);
    t.ok(late >= 0 && late < 8, `${sequence} is ${late} ms late`);
  }
});

t.test('what is older than all marks counts as the oldest that is known', async (t) => {
  const times = new SendTimes();
  for (let sequence = 1; sequence <= 10_000; sequence++) times.sent(sequence, sequence * 10);
  t.equal(times.at(10_000), 100_000);
  t.equal(times.at(9_900), 99_000);
  t.ok(times.at(1) > 10, 'not too early');
  t.ok(times.at(1) < 99_000);
});

t.test('nothing was sent yet', async (t) => {
  const times = new SendTimes();
  t.equal(times.last, 0);
  t.equal(times.at(1), Number.NEGATIVE_INFINITY);
});

t.test('after a seek back what is sent again has its new time', async (t) => {
  const times = new SendTimes();
  times.sent(5, 100);
  times.sent(10, 200);
  times.rewind(7);
  t.equal(times.last, 7);
  t.equal(times.at(7), 200);
  times.sent(20, 201);
  t.equal(times.at(8), 201);
  t.equal(times.at(10), 201);
  t.equal(times.at(7), 200);
  times.rewind(0);
  times.sent(3, 300);
  t.equal(times.at(1), 300);
});

t.test('a rewind past the end changes nothing', async (t) => {
  const times = new SendTimes();
  times.sent(5, 100);
  times.rewind(9);
  t.equal(times.last, 5);
  t.equal(times.at(5), 100);
});
