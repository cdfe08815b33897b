/**
 * API keys on an acceptor: its port to the directory, what it remembers of keys, and the gate that all
 * requests pass. With ENABLE_AUTH=false there is no port, and the gate is open.
 */
import type { MessagePort } from 'node:worker_threads';
import type { Config } from '../config/config.js';
import type { Clock } from '../core/clock.js';
import { ANYONE } from '../core/principal.js';
import { ConfiguredKeys } from '../tenant/configured-keys.js';
import { KeyCache } from '../tenant/key-cache.js';
import { DirectoryPort } from '../thread/directory-port.js';
import { type Gate, KeyGate, openGate } from './http/gate.js';
import type { Guard } from './http/guard.js';
import { Directory } from './routes/directory.js';

export interface KeysOptions {
  config: Config;
  clock: Clock;
  guard: Guard;
  /** What came with the key of this id has to end. */
  onOver: (keyId: string) => void;
}

export class Keys {
  readonly gate: Gate;
  readonly directory: Directory;
  readonly #port: DirectoryPort | null;
  readonly #cache: KeyCache | null;

  /** `port`: to the directory; null: no keys are asked for. */
  constructor(port: MessagePort | null, options: KeysOptions) {
    this.#port = port === null ? null : new DirectoryPort(port);
    this.directory = new Directory(this.#port);
    this.#cache = this.#port === null ? null : cacheOf(this.#port, options);
    this.gate = this.#cache === null ? openGate(ANYONE) : new KeyGate(this.#cache, options.guard);
  }

  /** Null: any may have. */
  changed(ids: readonly string[] | null): void {
    this.#cache?.changed(ids);
  }

  close(): void {
    this.#cache?.close();
    this.#port?.close();
  }
}

function cacheOf(port: DirectoryPort, { config, clock, guard, onOver }: KeysOptions): KeyCache {
  const onFault = (error: unknown): void => guard.caught('keys', error);
  return new KeyCache({
    ...{ clock, limits: config.limits, configured: new ConfiguredKeys(config), onOver, onFault },
    find: async (ids) => (await port.lookUp('keys.find', { ids })).keys,
    onUsed: (ids) => {
      // It is said again in a minute, and nothing hangs on it.
      port.lookUp('keys.used', { ids }).catch(() => undefined);
    },
  });
}
