/**
 * A session of one Redis server: one connection publishes, one listens. With Sentinels it is the server that
 * they call the master: they are asked anew for each session, and end the connections to one that is it no
 * more.
 */
import type { Redis } from 'ioredis';
import { redisConnection } from './redis-connection.js';
import type { Outgoing, RedisSession, RedisSessionOptions } from './redis-session.js';

/** Of one SUBSCRIBE. */
const CHANNELS_MAX = 1_000;

export class RedisServerSession implements RedisSession {
  readonly #options: RedisSessionOptions;
  readonly #publisher: Redis;
  readonly #listener: Redis;
  #state: 'opening' | 'open' | 'closed' = 'opening';
  #lastError: Error = new Error('the connection was closed');

  constructor(options: RedisSessionOptions) {
    this.#options = options;
    this.#publisher = this.#connection('publishes');
    this.#listener = this.#connection('listens');
    this.#listener.on('messageBuffer', (channel: Buffer | string, message: Buffer) => {
      if (this.#state !== 'closed') options.onMessage(String(channel), message);
    });
  }

  async open(): Promise<void> {
    try {
      await Promise.all([this.#publisher.connect(), this.#listener.connect()]);
    } catch {
      this.close();
      throw this.#lastError;
    }
    if (this.#state === 'opening') this.#state = 'open';
  }

  onEach(name: string): string[] {
    return [name];
  }

  async publish(batch: readonly Outgoing[]): Promise<(number | Error)[]> {
    const [only] = batch;
    if (batch.length === 1 && only !== undefined) {
      const { channel, message } = only;
      return [await this.#publisher.publish(channel, message).catch((error: Error) => error)];
    }
    const pipeline = this.#publisher.pipeline();
    for (const { channel, message } of batch) pipeline.publish(channel, message);
    const answers = (await pipeline.exec()) ?? [];
    return answers.map(([error, receivers]) => error ?? Number(receivers));
  }

  async subscribe(channels: readonly string[]): Promise<void> {
    await inParts(channels, (some) => this.#listener.subscribe(...some));
  }

  async unsubscribe(channels: readonly string[]): Promise<void> {
    await inParts(channels, (some) => this.#listener.unsubscribe(...some));
  }

  close(): void {
    this.#state = 'closed';
    this.#publisher.disconnect();
    this.#listener.disconnect();
  }

  #connection(does: string): Redis {
    const { url, name } = this.#options;
    const redis = redisConnection(url, null, `${name}/${does}`);
    redis.on('error', (error: Error) => {
      this.#lastError = error;
    });
    redis.on('end', () => this.#broke());
    return redis;
  }

  #broke(): void {
    // While it opens, `open` tells.
    if (this.#state !== 'open') return;
    this.close();
    this.#options.onBroken(this.#lastError);
  }
}

async function inParts(
  channels: readonly string[],
  ask: (some: readonly string[]) => Promise<unknown>,
): Promise<void> {
  const asked: Promise<unknown>[] = [];
  for (let from = 0; from < channels.length; from += CHANNELS_MAX) {
    asked.push(ask(channels.slice(from, from + CHANNELS_MAX)));
  }
  await Promise.all(asked);
}
