// Goal: what test/fault/delivery-chaos.test.ts shows of one node, of three with a Redis between them:
// whatever dies, freezes or is cut off, nothing is lost, made up or out of order, and all is whole again soon
// after. `npm run chaos` is the same for longer, with faults that take longer.
import t from 'tap';
import { faultsOf, RECOVERED_WITHIN_MS, runChaos } from '../support/chaos/chaos-run.js';

const CHAOS_S = 25;
const SEED = Number(process.env.CONDUIT_CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 32));
/** For starts, recovery, the quiet and the verdict, besides the chaos itself. */
const BESIDES_S = 260;
const LONG = ['node frozen for long', 'one node after the other'];

t.test('nothing is lost, made up or out of order while nodes die', async (t) => {
  t.setTimeout((CHAOS_S + BESIDES_S) * 1_000);
  t.comment(`CONDUIT_CHAOS_SEED=${SEED}, for ${CHAOS_S} s`);
  const faults = Object.keys(faultsOf(3)).filter((name) => !LONG.includes(name));
  const say = (line: string): void => void t.comment(line);
  const result = await runChaos({ seconds: CHAOS_S, seed: SEED, nodes: 3, faults, say });
  const { found, blows, problems, isQuiet, history, recorder } = result;
  const [, topic, sequence] = /(\S+)\/(\d+)/.exec(found[0]?.text ?? '') ?? [];
  if (topic !== undefined) {
    t.comment(recorder.timeline(topic, Number(sequence)).join('\n  '));
  }
  t.ok(blows.length > 1, 'it was hit several times');
  t.ok(history.log.length > CHAOS_S * 2, `${history.log.length} messages`);
  const late = blows.filter(({ recoveredMs }) => (recoveredMs ?? Infinity) > RECOVERED_WITHIN_MS);
  t.same(late, [], `whole again in ${RECOVERED_WITHIN_MS} ms`);
  t.ok(isQuiet, 'all was settled in a minute of quiet');
  t.same(found.slice(0, 20), []);
  t.same(problems, {}, 'nothing happened that no fault explains');
});
