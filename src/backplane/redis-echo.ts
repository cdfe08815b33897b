/** Whether what is published on Redis comes back, and in which time. For `conduit doctor`. */
import { randomUUID } from 'node:crypto';
import { parseRedisUrl } from '../core/redis-url.js';
import { redisSession } from './redis-sessions.js';

const ECHO_MS = 3_000;

/** Ms. Rejects with what was wrong. */
export async function redisEchoMs(url: string, clusterName: string): Promise<number> {
  const channel = `${clusterName}:doctor:${randomUUID()}`;
  return new Promise((resolve, reject) => {
    let sentAt = 0;
    let missing = 0;
    const session = redisSession({
      ...{ url: parseRedisUrl(url), name: 'conduit/doctor' },
      onMessage: () => {
        if (--missing === 0) end(() => resolve(performance.now() - sentAt));
      },
      onBroken: (error) => end(() => reject(error)),
    });
    const late = new Error(`what was published did not come back within ${ECHO_MS} ms`);
    const timer = setTimeout(() => end(() => reject(late)), ECHO_MS);
    const end = (tell: () => void): void => {
      clearTimeout(timer);
      session.close();
      tell();
    };
    const ask = async (): Promise<void> => {
      await session.open();
      const channels = session.onEach(channel);
      await session.subscribe(channels);
      sentAt = performance.now();
      missing = channels.length;
      const message = Buffer.from('echo');
      const answers = await session.publish(channels.map((one) => ({ channel: one, message })));
      for (const answer of answers) if (answer instanceof Error) throw answer;
    };
    ask().catch((error: unknown) => end(() => reject(error)));
  });
}
