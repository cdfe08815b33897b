/** A tenant that publishes ten times what its quota allows, on a node that asks for keys. */
import { OPERATOR_KEY } from '../tenants.js';
import type { Attacker } from './attacker.js';
import { request } from './attacker-http.js';

const QUOTA = 1_000;
/** Messages of a round, of which each holds so many publishes. */
const TIMES = 100;
const FRAMES = Array.from({ length: (10 * QUOTA) / TIMES }, (_, ref) =>
  JSON.stringify({ type: 'publish', topic: 'noise', payload: 1, ref }),
).join('\u001e');
const ROUND_MS = 900;

/** One round: a second's worth, spread over it. */
export async function publishTenTimes({ target, round, session }: Attacker): Promise<void> {
  const operate = (path: string, body: object): Promise<Record<string, unknown>> =>
    request(target, 'POST', path, { body: JSON.stringify(body), key: OPERATOR_KEY });
  if (round === 0) {
    await operate('/api/tenants', { name: 'noisy', quotas: { messages_per_s: QUOTA } });
  }
  const made = await operate('/api/keys', { tenant: 'noisy', scopes: ['publish', 'manage'] });
  const key = String(made['key']);
  const topic = JSON.stringify({ name: 'noise' });
  if (round === 0) await request(target, 'POST', '/api/topics', { body: topic, key });
  const noisy = await session(key);
  for (let n = 0; n < TIMES; n++) {
    await noisy.send(1, () => FRAMES);
    await new Promise((resolve) => setTimeout(resolve, ROUND_MS / TIMES));
  }
  await request(target, 'DELETE', `/api/keys/${String(made['id'])}`, { key: OPERATOR_KEY });
  await noisy.gone();
}
