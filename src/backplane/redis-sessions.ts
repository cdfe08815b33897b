/** Which kind of session a REDIS_URL asks for. */
import type { RedisUrl } from '../core/redis-url.js';
import { RedisClusterSession } from './redis-cluster-session.js';
import { RedisServerSession } from './redis-server-session.js';
import type { RedisSession, RedisSessionOptions } from './redis-session.js';

/** To be opened. */
export function redisSession(options: RedisSessionOptions): RedisSession {
  const { kind }: RedisUrl = options.url;
  switch (kind) {
    case 'cluster':
      return new RedisClusterSession(options);
    case 'server':
    case 'sentinel':
      return new RedisServerSession(options);
  }
}
