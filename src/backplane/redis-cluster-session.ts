/**
 * A session of a Redis Cluster, by sharded pub/sub (Redis 7): of each server that has slots one connection
 * publishes and one listens. A channel is its slot's; one call has channels of one slot. What shows that
 * slots have moved, or that a server is gone, ends the session: the next one asks who has them now.
 */
import slotOf from 'cluster-key-slot';
import type { Redis } from 'ioredis';
import type { RedisPlace } from '../core/redis-url.js';
import { redisConnection } from './redis-connection.js';
import type { Outgoing, RedisSession, RedisSessionOptions } from './redis-session.js';

const SLOTS = 16_384;
/** Of one SSUBSCRIBE. */
const CHANNELS_MAX = 1_000;
/** A server of a cluster that has no place for it says so in one of these words. */
const MOVED = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN)\b/;

/** A Redis that is frozen says nothing. */
const SLOTS_MS = 1_500;

interface Shard {
  publisher: Redis;
  listener: Redis;
  /** In braces it makes a channel one of its slots. */
  tag: string;
}

/** As CLUSTER SLOTS has it: first and last slot, then who has them, the master first. */
type SlotRange = [first: number, last: number, master: [host: string | null, port: number]];

export class RedisClusterSession implements RedisSession {
  readonly #options: RedisSessionOptions;
  #shards: Shard[] = [];
  /** By slot. */
  readonly #shardOf = new Map<number, Shard>();
  /** That are asked who has which slots, while it opens. */
  #asked: Redis[] = [];
  #state: 'opening' | 'open' | 'closed' = 'opening';
  #lastError: Error = new Error('the connection was closed');

  constructor(options: RedisSessionOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    try {
      this.#place(await this.#askForSlots());
      const all = this.#shards.flatMap(({ publisher, listener }) => [publisher, listener]);
      await Promise.all(all.map((redis) => redis.connect()));
    } catch (error) {
      this.close();
      throw isClosed(error) ? this.#lastError : error;
    }
    if (this.#state === 'opening') this.#state = 'open';
  }

  onEach(name: string): string[] {
    return this.#shards.map(({ tag }) => `${name}:{${tag}}`);
  }

  async publish(batch: readonly Outgoing[]): Promise<(number | Error)[]> {
    const byShard = grouped(batch, ({ channel }) => this.#shardAt(slotOf(channel)));
    const answers = new Map<Outgoing, number | Error>();
    const each = [...byShard].map(async ([{ publisher }, some]) => {
      const pipeline = publisher.pipeline();
      for (const { channel, message } of some) pipeline.spublish(channel, message);
      const answered = (await pipeline.exec()) ?? [];
      some.forEach((one, n) => {
        const [error, receivers] = answered[n] ?? [];
        answers.set(one, error ?? Number(receivers));
      });
    });
    await Promise.all(each);
    return this.#looked(batch.map((one) => answers.get(one) ?? new Error('no answer')));
  }

  async subscribe(channels: readonly string[]): Promise<void> {
    await this.#bySlot(channels, ({ listener }, some) => listener.ssubscribe(...some));
  }

  async unsubscribe(channels: readonly string[]): Promise<void> {
    await this.#bySlot(channels, ({ listener }, some) => listener.sunsubscribe(...some));
  }

  close(): void {
    this.#state = 'closed';
    for (const { publisher, listener } of this.#shards) {
      publisher.disconnect();
      listener.disconnect();
    }
    for (const redis of this.#asked) redis.disconnect();
  }

  /** Whoever answers first of those in the URL. */
  async #askForSlots(): Promise<SlotRange[]> {
    const { url } = this.#options;
    const asking = url.places.map(async (place) => {
      const redis = this.#connection(place, 'asks');
      this.#asked.push(redis);
      await redis.connect();
      const slots = (await redis.call('CLUSTER', 'SLOTS')) as SlotRange[];
      return slots.map(([first, last, [host, port]]): SlotRange => {
        // Who has not been told its own address says that one is to go on using what led there.
        return [first, last, [host === null || host === '' ? place.host : host, port]];
      });
    });
    try {
      return await Promise.race([Promise.any(asking), late()]);
    } catch (error) {
      throw error instanceof AggregateError ? this.#causeOf(error) : error;
    } finally {
      for (const redis of this.#asked) redis.disconnect();
      this.#asked = [];
    }
  }

  #causeOf({ errors }: AggregateError): Error {
    const told = errors.find((error) => error instanceof Error && !isClosed(error));
    return told ?? this.#lastError;
  }

  #place(ranges: readonly SlotRange[]): void {
    const masters = grouped(ranges, ([, , [host, port]]) => `${host}:${port}`);
    for (const some of masters.values()) {
      const [range] = some;
      if (range === undefined) continue;
      const [, , [host, port]] = range;
      const place = { host: host ?? '', port };
      const shard = {
        publisher: this.#connection(place, 'publishes'),
        listener: this.#listener(place),
        tag: tagWithin(some),
      };
      this.#shards.push(shard);
      for (const [first, last] of some) {
        for (let slot = first; slot <= last; slot++) this.#shardOf.set(slot, shard);
      }
    }
    const missing = SLOTS - this.#shardOf.size;
    if (missing > 0) throw new Error(`no server of the Redis Cluster has ${missing} of its slots`);
  }

  #listener(place: RedisPlace): Redis {
    const listener = this.#connection(place, 'listens');
    listener.on('smessageBuffer', (channel: Buffer | string, message: Buffer) => {
      if (this.#state !== 'closed') this.#options.onMessage(String(channel), message);
    });
    listener.on('moved', () => this.#broke(new Error('slots of the Redis Cluster have moved')));
    return listener;
  }

  #connection(place: RedisPlace, does: string): Redis {
    const { url, name } = this.#options;
    const redis = redisConnection(url, place, `${name}/${does}`);
    redis.on('error', (error: Error) => {
      this.#lastError = error;
    });
    if (does !== 'asks') redis.on('end', () => this.#broke(this.#lastError));
    return redis;
  }

  #shardAt(slot: number): Shard {
    const shard = this.#shardOf.get(slot);
    if (shard === undefined) throw new Error(`no server has slot ${slot}`);
    return shard;
  }

  async #bySlot(
    channels: readonly string[],
    ask: (shard: Shard, some: readonly string[]) => Promise<unknown>,
  ): Promise<void> {
    const asked: Promise<unknown>[] = [];
    for (const [slot, all] of grouped(channels, (channel) => slotOf(channel))) {
      for (let from = 0; from < all.length; from += CHANNELS_MAX) {
        asked.push(ask(this.#shardAt(slot), all.slice(from, from + CHANNELS_MAX)));
      }
    }
    await Promise.all(asked);
  }

  #looked(answers: (number | Error)[]): (number | Error)[] {
    const moved = answers.find((one) => one instanceof Error && MOVED.test(one.message));
    if (moved instanceof Error) this.#broke(moved);
    return answers;
  }

  #broke(error: Error): void {
    // While it opens, `open` tells.
    if (this.#state !== 'open') return;
    this.close();
    this.#options.onBroken(error);
  }
}

function grouped<T, K>(list: readonly T[], keyOf: (one: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const one of list) {
    const key = keyOf(one);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [one]);
    else group.push(one);
  }
  return groups;
}

/** As short as it can be. */
function tagWithin(ranges: readonly SlotRange[]): string {
  for (let n = 0; ; n++) {
    const slot = slotOf(`${n}`);
    if (ranges.some(([first, last]) => slot >= first && slot <= last)) return `${n}`;
  }
}

/** What ioredis says of a command when the reason was told by an event before. */
function isClosed(error: unknown): boolean {
  return error instanceof Error && /^Connection is closed/.test(error.message);
}

async function late(): Promise<never> {
  await new Promise((resolve) => setTimeout(resolve, SLOTS_MS));
  throw new Error(`no server of the Redis Cluster answered within ${SLOTS_MS} ms`);
}
