/** Whether what is published on Redis comes back, and in which time. For `conduit doctor`. */
import { randomUUID } from 'node:crypto';
import { RedisSession } from './redis-session.js';

const ECHO_MS = 3_000;

/** Ms. Rejects with what was wrong. */
export async function redisEchoMs(url: string, clusterName: string): Promise<number> {
  const channel = `${clusterName}:doctor:${randomUUID()}`;
  return new Promise((resolve, reject) => {
    let sentAt = 0;
    const session = new RedisSession({
      ...{ url, name: 'conduit/doctor' },
      onMessage: () => end(() => resolve(performance.now() - sentAt)),
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
      await session.subscribe([channel]);
      sentAt = performance.now();
      const [answer] = await session.publish([{ channel, message: Buffer.from('echo') }]);
      if (answer instanceof Error) throw answer;
    };
    ask().catch((error: unknown) => end(() => reject(error)));
  });
}
