// Goal: an outage is a line when it begins, one a minute, one when it is over, whichever threads met it and
// however often.
import t from 'tap';
import { Outages, type OutagesOptions, type Trouble } from '../../../src/observe/outages.js';

const AWAY: Trouble = { kind: 'away', line: 'away', cause: 'refused', stack: null };

function rig(): { outages: Outages; lines: string[]; pass: (ms: number) => void } {
  let now = 0;
  const lines: string[] = [];
  const clock = { monotonic: () => now };
  const logger: OutagesOptions['logger'] = {
    tell: (_event, _fields, line) => lines.push(line ?? ''),
  };
  const outages = new Outages({ clock, logger });
  t.teardown(() => outages.close());
  const pass = (ms: number): void => {
    for (const until = now + ms; now < until; now += 1_000) outages.look();
  };
  return { outages, lines, pass };
}

t.test('begins, goes on, is over when all have said so', async (t) => {
  const { outages, lines, pass } = rig();
  for (let s = 0; s < 130; s++) {
    outages.trouble('worker-0', AWAY, 40);
    outages.trouble('worker-1', AWAY, 40);
    pass(1_000);
  }
  outages.over('worker-0', 'away');
  pass(10_000);
  t.same(lines, ['away', 'away: for 60 s now, 4880 times', 'away: for 120 s now, 9680 times']);
  outages.over('worker-1', 'away');
  pass(10_000);
  t.same(lines.slice(3), ['away: over after 140 s, 10400 times']);
});

t.test('that comes and goes is one', async (t) => {
  const { outages, lines, pass } = rig();
  for (let s = 0; s < 20; s++) {
    outages.trouble('worker-0', AWAY, 1);
    outages.over('worker-0', 'away');
    pass(1_000);
  }
  pass(5_000);
  t.same(lines, ['away', 'away: over after 19 s, 20 times']);
});

t.test('of which nobody says the end ends when it does not come; once is no outage', async (t) => {
  const { outages, lines, pass } = rig();
  outages.trouble('worker-0', { ...AWAY, kind: 'once', line: 'once 1' }, 1);
  outages.trouble('worker-0', AWAY, 1);
  pass(2_000);
  outages.trouble('worker-0', AWAY, 1);
  pass(70_000);
  t.same(lines, ['once 1', 'away', 'away: over after 2 s, 2 times']);
});

t.test('a thread that is gone has no trouble any more', async (t) => {
  const { outages, lines, pass } = rig();
  outages.trouble('worker-0', AWAY, 5);
  pass(4_000);
  outages.gone('worker-0');
  pass(4_000);
  t.same(lines, ['away', 'away: over after 4 s, 5 times']);
});

t.test('kinds without end are few', async (t) => {
  const { outages, lines } = rig();
  for (let n = 0; n < 500; n++) {
    outages.trouble('worker-0', { ...AWAY, kind: `topic ${n}`, line: `topic ${n}` }, 1);
  }
  t.equal(lines.length, 51);
});
