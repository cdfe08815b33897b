// Goal: a client in a page of Chromium publishes and reads on while its node is killed and restarted: what it
// was told is stored is there once, and every reader is given every message, in order.
import t from 'tap';
import { runRestarts } from '../support/restarts/restart-run.js';

t.test('ten restarts, by SIGKILL and SIGTERM', async (t) => {
  const say = (line: string): void => t.comment(line);
  const result = await runRestarts({ restarts: 10, place: 'browser', seed: 18, say });
  t.same(result.faults, []);
  t.ok(result.killed > 0 && result.terminated > 0);
  t.ok(result.facts.opened > 10, 'it came back each time');
  t.ok(result.rows > 100);
});
