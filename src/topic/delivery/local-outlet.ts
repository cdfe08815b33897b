/** The outlet to an acceptor of this node: by the link to its thread. Hands on what comes back. */
import type { Limits } from '../../core/limits.js';
import { type LinkPort, WorkerLinkEnd } from '../../thread/link.js';
import type { PackReader } from '../../thread/packing/pack-reader.js';
import type { PackWriter } from '../../thread/packing/pack-writer.js';
import type { Outlet } from '../state/outlet.js';
import { PackedOutlet } from './packed-outlet.js';

/** What the acceptor sends. */
export interface OutletHandler {
  /** Reads the operation's fields. */
  handle(outlet: Outlet, op: number, reader: PackReader): void;
  /** All operations that came together were handled. */
  endTurn(outlet: Outlet): void;
}

export interface LocalOutletOptions {
  port: LinkPort;
  /** Index of the acceptor. */
  acceptor: number;
  limits: Limits;
  handler: OutletHandler;
}

export class LocalOutlet extends PackedOutlet {
  readonly kind = 'local';
  readonly number: number;
  readonly #link: WorkerLinkEnd;
  protected readonly writer: PackWriter;

  constructor({ port, acceptor, limits, handler }: LocalOutletOptions) {
    super();
    this.number = acceptor;
    this.#link = new WorkerLinkEnd({
      port,
      limits,
      onOp: (op, reader) => handler.handle(this, op, reader),
      onTurn: () => handler.endTurn(this),
    });
    this.writer = this.#link.writer;
  }

  close(): void {
    this.#link.close();
  }

  get hasCredit(): boolean {
    return this.#link.hasDeliverCredit;
  }

  creditReturned(bytes: number): boolean {
    return this.#link.returnDeliverCredit(bytes);
  }

  protected takeCredit(bytes: number): void {
    this.#link.takeDeliverCredit(bytes);
  }

  protected flushSoon(): void {
    this.#link.scheduleFlush();
  }
}
