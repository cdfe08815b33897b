/**
 * Connections to Redis, some that publish and some that listen, for as long as all of them live: what breaks
 * one ends all, and nothing is sent again. Who keeps such a session is redis-backplane.ts.
 */
import type { RedisUrl } from '../core/redis-url.js';

export interface Outgoing {
  channel: string;
  message: Buffer;
}

export interface RedisSession {
  /** Resolves once all are there. Rejects with what was wrong. */
  open(): Promise<void>;
  /** Once open: a channel on each server that carries any, by names that begin with that. */
  onEach(name: string): string[];
  /** To how many each went, or why it was refused. */
  publish(batch: readonly Outgoing[]): Promise<(number | Error)[]>;
  /** Resolves once they are all heard. Rejects when one is refused, or the session broke. */
  subscribe(channels: readonly string[]): Promise<void>;
  unsubscribe(channels: readonly string[]): Promise<void>;
  /** It says nothing any more. */
  close(): void;
}

export interface RedisSessionOptions {
  url: RedisUrl;
  /** Shown by CLIENT LIST. */
  name: string;
  onMessage: (channel: string, message: Buffer) => void;
  /** Once, whatever breaks it; not for `close`. */
  onBroken: (error: Error) => void;
}
