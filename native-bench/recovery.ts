/** A node is killed under load and started again: when it answers, and when everybody has everything. */
import { isRunningNode } from './conduit.js';
import type { Running, Sample } from './contender.js';
import { runLoad } from './loadgen.js';
import type { MeasuringTimes } from './measuring.js';
import { failedSample } from './sample.js';
import type { RecoveryWork } from './scenario.js';

const TOPIC = 'bench';
const ANSWER_TIMEOUT_MS = 30_000;
const READ_S = 60;
/** The load outlasts the kill by so much: it ends when the server is gone. */
const LOAD_SPARE_S = 30;

/** Rejects LoadgenError, and when the node does not come back. */
export async function recover(
  work: RecoveryWork,
  running: Running,
  { warmup, duration }: MeasuringTimes,
): Promise<Sample> {
  if (!isRunningNode(running)) throw new Error('only a node of Conduit can be killed and started');
  const target = running.target ?? '';
  const options = { topic: TOPIC, warmup: 0, duration: duration + LOAD_SPARE_S, ...work.load };
  const underLoad = runLoad(target, options);
  // Its failure is told below.
  underLoad.catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, (warmup + duration) * 1_000));
  await running.kill9();
  const killedAt = performance.now();
  const { published } = await underLoad;
  await running.restart();
  const readyS = secondsSince(killedAt);
  const head = await firstAnswer(target);
  const answerS = secondsSince(killedAt);
  if (published.count === 0) return failedSample('nothing was published before the kill');
  // The last one is the publish that was the first answer.
  if (head - 1 < published.count) {
    return failedSample(`${published.count} publishes were answered, ${head - 1} are in the log`);
  }
  const read = {
    topic: TOPIC,
    subscribers: work.subscribers,
    ack: 'none',
    from: 'earliest',
    messages: head,
    warmup: 0,
    duration: READ_S,
  } as const;
  const { completeS, problems } = await runLoad(target, read, running.processes);
  const everythingS = answerS + (completeS ?? 0);
  return {
    perSecond: completeS === null ? 0 : (work.subscribers * head) / completeS,
    latencyUs: null,
    deliveryUs: null,
    cpuUs: {},
    more: { ready_s: readyS, first_answer_s: answerS, everything_s: everythingS, messages: head },
    problems: completeS === null ? ['not every subscriber got everything', ...problems] : problems,
  };
}

function secondsSince(from: number): number {
  return (performance.now() - from) / 1_000;
}

/** Publishes until one is answered 200; gives its sequence. */
async function firstAnswer(target: string): Promise<number> {
  const until = performance.now() + ANSWER_TIMEOUT_MS;
  for (;;) {
    const answer = await fetch(`http://${target}/api/publish`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ topic: TOPIC, payload: { n: 0 } }),
    });
    const { sequence } = (await answer.json()) as { sequence?: unknown };
    if (answer.status === 200) return Number(sequence);
    if (performance.now() > until) throw new Error(`the node answers ${answer.status}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
