/** One connection to Redis, which lives once: it is not opened again, and sends nothing twice. */
import { Redis, type RedisOptions } from 'ioredis';
import type { RedisPlace, RedisUrl } from '../core/redis-url.js';

keepStringsFast();

const CONNECT_MS = 2_000;
/** A server that is frozen answers no good-bye. */
const DISCONNECT_MS = 200;
/** A Sentinel that says nothing is one of several. */
const SENTINEL_MS = 1_000;

/** What is sent is not sent again, and what finds no connection fails: the log has it. */
const OPTIONS: RedisOptions = {
  lazyConnect: true,
  retryStrategy: () => null,
  sentinelRetryStrategy: () => null,
  sentinelCommandTimeout: SENTINEL_MS,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  enableOfflineQueue: false,
  // It needs INFO, which an ACL may refuse; PUBLISH and SUBSCRIBE are taken while Redis loads, too.
  enableReadyCheck: false,
  connectTimeout: CONNECT_MS,
  disconnectTimeout: DISCONNECT_MS,
};

/** `name`: shown by CLIENT LIST. To be connected. */
export function redisConnection(url: RedisUrl, place: RedisPlace | null, name: string): Redis {
  const { tls, user, password } = url;
  const options: RedisOptions = {
    ...OPTIONS,
    ...whereTo(url, place),
    ...(tls ? { tls: {} } : {}),
    ...(user === null ? {} : { username: user }),
    ...(password === null ? {} : { password }),
    // Redis takes no other characters in it.
    connectionName: name.replace(/[^\x21-\x7e]/g, '-'),
  };
  return new Redis<'legacy'>({ ...options, replyMapping: 'legacy' });
}

/** Null: the URL's own place, or the master that its Sentinels name. */
function whereTo(url: RedisUrl, place: RedisPlace | null): RedisOptions {
  const [first] = url.places;
  if (url.kind !== 'sentinel') return { ...(place ?? first) };
  const { sentinelUser, sentinelPassword, master } = url;
  return {
    sentinels: url.places.map(({ host, port }) => ({ host, port })),
    role: 'master',
    ...(master === null ? {} : { name: master }),
    ...(sentinelUser === null ? {} : { sentinelUsername: sentinelUser }),
    ...(sentinelPassword === null ? {} : { sentinelPassword }),
    ...(url.tls ? { sentinelTLS: {}, enableTLSForSentinelMode: true } : {}),
  };
}

/**
 * ioredis has a class that extends String, for which V8 (11.3) makes a dictionary of String.prototype: each
 * `charCodeAt` of this thread is looked up in it from then on, a tenth of a publish's CPU. Who enumerates an
 * object of it has it made fast again, for good.
 */
function keepStringsFast(): void {
  for (const name in Object('')) throw new Error(`String.prototype has an enumerable ${name}`);
}
