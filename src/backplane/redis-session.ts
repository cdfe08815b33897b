/**
 * Two connections to Redis, one that publishes and one that listens, for as long as both live: what breaks
 * one ends both, and nothing is sent again. Who keeps them is redis-backplane.ts.
 */
import { Redis } from 'ioredis';

keepStringsFast();

const CONNECT_MS = 2_000;
/** A server that is frozen answers no good-bye. */
const DISCONNECT_MS = 200;
/** Of one SUBSCRIBE. */
const CHANNELS_MAX = 1_000;

/** What is sent is not sent again, and what finds no connection fails: the log has it. */
const OPTIONS = {
  lazyConnect: true,
  retryStrategy: () => null,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  enableOfflineQueue: false,
  // It needs INFO, which an ACL may refuse; PUBLISH and SUBSCRIBE are taken while Redis loads, too.
  enableReadyCheck: false,
  connectTimeout: CONNECT_MS,
  disconnectTimeout: DISCONNECT_MS,
};

export interface Outgoing {
  channel: string;
  message: Buffer;
}

export interface RedisSessionOptions {
  url: string;
  /** Shown by CLIENT LIST. */
  name: string;
  onMessage: (channel: string, message: Buffer) => void;
  /** Once, whatever breaks it; not for `close`. */
  onBroken: (error: Error) => void;
}

export class RedisSession {
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

  /** Resolves once both are there. Rejects with what was wrong. */
  async open(): Promise<void> {
    try {
      await Promise.all([this.#publisher.connect(), this.#listener.connect()]);
    } catch {
      this.close();
      throw this.#lastError;
    }
    if (this.#state === 'opening') this.#state = 'open';
  }

  /** To how many each went, or why it was refused. */
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

  /** Resolves once they are all heard. Rejects when one is refused, or the session broke. */
  async subscribe(channels: readonly string[]): Promise<void> {
    await this.#inParts(channels, (some) => this.#listener.subscribe(...some));
  }

  async unsubscribe(channels: readonly string[]): Promise<void> {
    await this.#inParts(channels, (some) => this.#listener.unsubscribe(...some));
  }

  /** It says nothing any more. */
  close(): void {
    this.#state = 'closed';
    this.#publisher.disconnect();
    this.#listener.disconnect();
  }

  async #inParts(
    channels: readonly string[],
    ask: (some: readonly string[]) => Promise<unknown>,
  ): Promise<void> {
    const asked: Promise<unknown>[] = [];
    for (let from = 0; from < channels.length; from += CHANNELS_MAX) {
      asked.push(ask(channels.slice(from, from + CHANNELS_MAX)));
    }
    await Promise.all(asked);
  }

  #connection(does: string): Redis {
    const { url, name } = this.#options;
    // Redis takes no other characters in it.
    const connectionName = `${name}/${does}`.replace(/[^\x21-\x7e]/g, '-');
    const redis = new Redis(url, { ...OPTIONS, connectionName });
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

/**
 * ioredis has a class that extends String, for which V8 (11.3) makes a dictionary of String.prototype: each
 * `charCodeAt` of this thread is looked up in it from then on, a tenth of a publish's CPU. Who enumerates an
 * object of it has it made fast again, for good.
 */
function keepStringsFast(): void {
  for (const name in Object('')) throw new Error(`String.prototype has an enumerable ${name}`);
}
