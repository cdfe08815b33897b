/** A topic of a log that is restored: what is published to it tells in which log that was. */
import http from 'node:http';
import type { Test } from 'tap';
import { eventually } from '../../../native-bench/rig/eventually.js';
import type { TestNode } from '../../../native-bench/rig/node.js';
import { request } from '../clients/publisher.js';
import { type Frame, Subscriber } from '../clients/subscriber.js';

export const TOPIC = 'restored';

/** While files are copied nothing here sees that the node has closed a connection that was idle. */
const agent = new http.Agent({ keepAlive: false });

/**
 * Messages up to sequence `to`, their payloads tell which log they were published to; the epoch of the first.
 */
export async function publishUpTo(node: TestNode, to: number, log: string): Promise<string> {
  let epoch: string | null = null;
  for (;;) {
    const answer = await request(`${node.url}/api/publish`, {
      method: 'POST',
      agent,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ topic: TOPIC, payload: log }),
    });
    // What is on its way while the log becomes another is refused, and may be tried again.
    if (answer.status === 503) continue;
    if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
    epoch ??= String(answer.body.epoch);
    if (Number(answer.body.sequence) >= to) return epoch;
  }
}

export interface Asked {
  session: Subscriber;
  answer: Frame;
}

export async function subscribe(node: TestNode, options: Record<string, unknown>): Promise<Asked> {
  const session = await Subscriber.open(node.wsUrl, 'json');
  const answer = await session.subscribe(TOPIC, { max_in_flight: 500, ...options });
  return { session, answer };
}

export function from(sequence: number, epoch: string): Record<string, unknown> {
  return { start: { from: 'sequence', sequence, epoch } };
}

/** `log(from..to)` for each run of messages that came; what comes again for lack of an ack is in none. */
export function runsOf({ messages }: Subscriber): string[] {
  const runs: { log: unknown; from: number; to: number }[] = [];
  for (const { payload: log, sequence, attempt } of messages) {
    if (attempt !== 1) continue;
    const last = runs.at(-1);
    const at = Number(sequence);
    if (last?.log === log && last?.to === at - 1) last.to = at;
    else runs.push({ log, from: at, to: at });
  }
  return runs.map((run) => `${run.log}(${run.from}..${run.to})`);
}

export async function came(t: Test, session: Subscriber, runs: string[]): Promise<void> {
  await eventually(() => runsOf(session).join() === runs.join()).catch(() => undefined);
  t.same(runsOf(session), runs);
  for (const { sequence } of session.messages)
    session.send({ type: 'ack', topic: TOPIC, sequence });
  // Once this is answered the node has them: who closes before has not acknowledged for sure.
  const asked = runs.join();
  session.send({ type: 'heartbeat', ref: asked });
  await session.waitFor(({ ref }) => ref === asked);
}
