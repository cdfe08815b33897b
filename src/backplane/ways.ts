/**
 * The ways from a worker to other nodes, as one: Redis, and where that is away or late, or there is none,
 * POST /internal/forward. Chosen for each message; what is listened to is heard by both.
 */
import type { BackplaneCounts, BackplaneState } from '../core/backplane-figures.js';
import type { Peer } from '../core/peer.js';
import type { ForwardWay } from './forward-way.js';
import type {
  BackplaneHandlers,
  RedisBackplane,
  RedisBackplaneOptions,
} from './redis-backplane.js';

export interface WaysOptions extends Pick<BackplaneHandlers, 'onMessage' | 'onListening'> {
  /** Null: no REDIS_URL. Made with the handlers it is given. */
  redis:
    | ((by: Pick<RedisBackplaneOptions, 'onMessage' | 'onAway' | 'onLate'>) => RedisBackplane)
    | null;
  /** Null: no INTERNAL_SECRET. */
  forward: ForwardWay | null;
  /** Redis is up no more. */
  onAway: () => void;
}

type Figures = Omit<BackplaneCounts, 'received' | 'linkResets'> & {
  queueBytes: number;
  channels: number;
};

const NO_REDIS = { published: 0, unsentAway: 0, unsentFull: 0, errors: 0 };
const NO_FORWARD = { forwarded: 0, unforwarded: 0, unheard: 0, queueBytes: 0 };

export class Ways {
  readonly #options: WaysOptions;
  readonly #redis: RedisBackplane | null;
  readonly #forward: ForwardWay | null;
  readonly #channels = new Set<string>();
  /** To be told of to the others. */
  #begun: string[] = [];
  #isStopped = false;

  constructor(options: WaysOptions) {
    this.#options = options;
    const { redis, forward, onMessage, onAway } = options;
    this.#forward = forward;
    const handlers = {
      onMessage,
      onAway: () => {
        forward?.forget();
        onAway();
      },
      onLate: () => forward?.forget(),
    };
    this.#redis = redis?.(handlers) ?? null;
  }

  /** Of Redis, where there is one. */
  get state(): BackplaneState {
    return this.#redis?.state ?? (this.#isStopped ? 'closed' : 'forwarding');
  }

  get figures(): Figures {
    const { unheard: here, queueBytes: some, ...by } = this.#forward?.figures ?? NO_FORWARD;
    const redis = this.#redis?.figures ?? { ...NO_REDIS, unheard: 0, queueBytes: 0 };
    const sums = { unheard: redis.unheard + here, queueBytes: redis.queueBytes + some };
    return { ...redis, ...by, ...sums, channels: this.#channels.size };
  }

  start(): void {
    this.#redis?.start();
    this.#forward?.start();
  }

  stop(): void {
    this.#isStopped = true;
    this.#redis?.stop();
    this.#forward?.stop();
  }

  /** The nodes that live. */
  place(living: readonly Peer[]): void {
    this.#forward?.place(living);
  }

  listen(channel: string): void {
    this.#channels.add(channel);
    this.#redis?.listen(channel);
    if (this.#forward === null) return;
    this.#forward.listen(channel);
    if (this.#isByRedis) return;
    this.#begun.push(channel);
    if (this.#begun.length === 1) setImmediate(() => this.#greet());
  }

  ignore(channel: string): void {
    this.#channels.delete(channel);
    this.#redis?.ignore(channel);
    this.#forward?.ignore(channel);
  }

  /** What is worth sending there: nothing, which is counted; where the messages are; or the messages. */
  wants(channel: string): 'nothing' | 'place' | 'messages' {
    const way = this.#isByRedis ? this.#redis : (this.#forward ?? this.#redis);
    return way?.wants(channel) ?? 'nothing';
  }

  /** At the end of the turn, with all that is sent in it. False: it was dropped, which is counted. */
  send(channel: string, message: Buffer): boolean {
    const way = this.#isByRedis ? this.#redis : (this.#forward ?? this.#redis);
    return way?.send(channel, message) ?? false;
  }

  /** The same to one node alone, by the way on which it is known to listen. */
  sendTo(bootId: string, channel: string, message: Buffer): boolean {
    const isHeard = this.#isByRedis && this.#redis?.isQuiet(channel) === false;
    if (!isHeard && this.#forward?.reaches(bootId) === true) {
      return this.#forward.sendTo(bootId, channel, message);
    }
    return this.#redis?.send(channel, message) ?? false;
  }

  /** Another node forwarded it. */
  came(channel: string, message: Uint8Array): void {
    if (this.#isStopped || this.#forward?.greeted(channel, message) === true) return;
    this.#options.onMessage(channel, message);
  }

  get #isByRedis(): boolean {
    const redis = this.#redis;
    return redis?.state === 'up' && (redis.isQuick || this.#forward === null);
  }

  #greet(): void {
    const channels = this.#begun;
    this.#begun = [];
    if (this.#isStopped) return;
    this.#forward?.greet(channels);
    this.#options.onListening(channels);
  }
}
