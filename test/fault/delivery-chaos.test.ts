// Goal: whatever dies, nothing is lost, nothing is made up, first deliveries come in order, every message
// of a durable subscription ends acknowledged or dead-lettered, once (I3, I4, I7, I8), and the server is
// whole again soon after. `npm run chaos` is the same for longer.
import t, { type Test } from 'tap';
import { type ChaosResult, RECOVERED_WITHIN_MS, runChaos } from '../support/chaos/chaos-run.js';

const CHAOS_S = 40;
const SEED = Number(process.env.CONDUIT_CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 32));
/** For starts, recovery, the quiet and the verdict, besides the chaos itself. */
const BESIDES_S = 260;
const FAULTS_SHOWN = 20;

/** What to read first when something is wrong. */
function explain(t: Test, { found, recorder }: ChaosResult): void {
  const counts = new Map<string, number>();
  for (const { kind } of found) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  for (const [kind, count] of counts) {
    t.comment(`${count} x ${kind}`);
    const text = found.find((fault) => fault.kind === kind)?.text ?? '';
    const [, topic, sequence] = /(\S+)\/(\d+)/.exec(text) ?? [];
    if (topic === undefined) continue;
    t.comment([text, ...recorder.timeline(topic, Number(sequence))].join('\n  '));
  }
}

/** The run was what it says: everything that is to be judged has happened. */
function checkThatMuchHappened(t: Test, { history, counts, recorder }: ChaosResult): void {
  const of = (type: string): number => history.events.filter((e) => e.type === type).length;
  const again = history.events.filter((e) => e.type === 'delivered' && e.attempt > 1).length;
  const dead = (reason: string): number =>
    history.deadLetters.filter((row) => row.subscription !== null && row.reason === reason).length;
  t.comment(
    `${history.log.length} messages, ${of('delivered')} deliveries, ${again} of them again, ` +
      `${of('confirmed')} verdicts confirmed; ${dead('max_deliver')} dead letters after all ` +
      `attempts, ${dead('rejected')} rejected; ${JSON.stringify(counts)}; ` +
      `refusals: ${JSON.stringify([...recorder.refusals])}`,
  );
  t.ok(of('published') > CHAOS_S * 5, 'much was published');
  t.ok(of('confirmed') > CHAOS_S * 5, 'much was acknowledged');
  t.ok(again > 0, 'some was redelivered');
  t.ok(dead('max_deliver') > 0, 'some failed for good');
  t.ok(dead('rejected') > 0, 'some was rejected');
  t.ok(counts.terminated > 0 && counts.closed > 0, 'sessions ended in both ways');
}

t.test('nothing is lost, made up or out of order while everything dies', async (t) => {
  t.setTimeout((CHAOS_S + BESIDES_S) * 1_000);
  t.comment(`CONDUIT_CHAOS_SEED=${SEED}, for ${CHAOS_S} s`);
  const say = (line: string): void => void t.comment(line);
  const result = await runChaos({ seconds: CHAOS_S, seed: SEED, nodes: 1, faults: [], say });
  explain(t, result);
  checkThatMuchHappened(t, result);
  t.ok(result.blows.length > 2, 'it was hit several times');
  const late = result.blows.filter(
    ({ recoveredMs }) => (recoveredMs ?? Infinity) > RECOVERED_WITHIN_MS,
  );
  t.same(late, [], `whole again in ${RECOVERED_WITHIN_MS} ms`);
  t.ok(result.isQuiet, 'all was settled in a minute of quiet');
  t.same(result.found.slice(0, FAULTS_SHOWN), []);
  t.same(result.problems, {}, 'nothing happened that no fault explains');
});
