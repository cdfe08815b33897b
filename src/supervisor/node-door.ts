/**
 * Where what other nodes forward comes in, put together: the door itself, its ports for acceptors, which
 * take POST /internal/forward on PORT, or its own listener on INTERNAL_PORT. There is none without
 * INTERNAL_SECRET.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { isQuestion } from '../backplane/forward-body.js';
import { ForwardDoor, type ForwardFault, troubleOfForward } from '../backplane/forward-door.js';
import { serveCold } from '../cold/cold-port.js';
import type { Config } from '../config/config.js';
import type { Peer } from '../core/peer.js';
import { SharedCount } from '../core/shared-count.js';
import type { Logger } from '../observe/logger.js';
import type { Trouble } from '../observe/outages.js';
import type { PemFiles } from '../thread/control.js';
import type { NodeMemory } from '../thread/node-memory.js';
import { poolFailure } from '../thread/pool-port.js';
import { forwardError } from './forward-error.js';
import { internalTls } from './internal-certificate.js';
import { InternalListener } from './internal-listener.js';

export interface NodeDoorOptions {
  config: Config;
  bootId: string;
  memory: NodeMemory;
  logger: Logger;
  /** To a worker: what came. */
  deliver: (worker: number, body: Uint8Array) => void;
  /** What another node asks, as JSON; null: nothing that it may. */
  answer: (question: unknown) => Promise<object | null>;
  /** Something was refused. */
  onTrouble: (trouble: Trouble) => void;
}

export class NodeDoor {
  readonly #door: ForwardDoor;
  readonly #options: NodeDoorOptions;
  readonly #refused: SharedCount;
  #listener: InternalListener | null = null;
  /** What nodes show each other; null: nothing. */
  readonly tls: PemFiles | null;
  /** An acceptor's end of a port to it; null: it takes nothing of acceptors. */
  readonly openPort: (() => MessagePort) | null;

  private constructor(options: NodeDoorOptions, tls: PemFiles | null) {
    const { config, bootId, memory, deliver } = options;
    this.#options = options;
    this.tls = tls;
    const unreadBytesMax = config.limits.backplaneQueueBytesMax;
    this.#door = new ForwardDoor({ cluster: config.clusterName, bootId, deliver, unreadBytesMax });
    this.#refused = new SharedCount(memory.counts.refusedForwards, config.acceptors);
    this.openPort = config.internalPort === null ? () => this.#openPort() : null;
  }

  /** Null: without INTERNAL_SECRET, or in memory. Rejects StartRefused. */
  static async open(options: NodeDoorOptions): Promise<NodeDoor | null> {
    const { host, internalPort, internalSecret, databaseUrl } = options.config;
    if (internalSecret === null || databaseUrl === null) return null;
    const tls = await internalTls(options.config);
    const door = new NodeDoor(options, tls);
    if (internalPort !== null) {
      door.#listener = await InternalListener.start({
        ...{ host, port: internalPort, tls, secret: internalSecret },
        take: (body) => door.#take(body),
        onRefused: (fault) => door.#refuse(fault),
        onFault: (err) => options.logger.tell('forward.failed', { err }),
      });
    }
    return door;
  }

  async stop(): Promise<void> {
    await this.#listener?.stop();
  }

  /** The nodes that live. */
  place(living: readonly Peer[]): void {
    this.#door.place(living);
  }

  listens(worker: number, more: readonly string[], less: readonly string[]): void {
    this.#door.listens(worker, more, less);
  }

  /** That worker has read so many bytes of what it was handed. */
  read(worker: number, bytes: number): void {
    this.#door.read(worker, bytes);
  }

  /** A worker's thread has ended. */
  gone(worker: number): void {
    this.#door.gone(worker);
  }

  async #take(body: Uint8Array): Promise<object | ForwardFault> {
    const taken = isQuestion(body) ? await this.#answer(body) : this.#door.take(body);
    if (typeof taken === 'string') this.#refuse(taken);
    return taken;
  }

  async #answer(body: Uint8Array): Promise<object | ForwardFault> {
    const asked = this.#door.asked(body);
    if (typeof asked === 'string') return asked;
    return (await this.#options.answer(asked.question)) ?? 'garbage';
  }

  #refuse(fault: ForwardFault): void {
    this.#refused.add(1);
    this.#options.onTrouble(troubleOfForward(fault));
  }

  #openPort(): MessagePort {
    const { port1, port2 } = new MessageChannel();
    const { logger } = this.#options;
    const answer = async (body: Uint8Array) => {
      const taken = await this.#take(body);
      if (typeof taken !== 'string') return textBytes(JSON.stringify(taken));
      const error = forwardError(taken);
      return poolFailure(error, taken);
    };
    serveCold(port1, answer, (err) => logger.tell('forward.failed', { err }));
    return port2;
  }
}

function textBytes(text: string): ArrayBuffer {
  const bytes = new Uint8Array(Buffer.byteLength(text));
  Buffer.from(bytes.buffer).write(text);
  return bytes.buffer;
}
