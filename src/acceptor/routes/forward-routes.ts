/**
 * POST /internal/forward on PORT: who shows the secret may hand something in, which the main thread's door
 * looks at. Bodies are bounded, and so are those that wait for the door.
 */

import type { HttpRequest } from 'uWebSockets.js';
import type { MessagePort } from 'node:worker_threads';
import { FORWARD_BYTES_MAX } from '../../backplane/forward-body.js';
import { type ForwardFault, secretCheck, troubleOfForward } from '../../backplane/forward-door.js';
import { RequestError } from '../../core/errors.js';
import type { SharedCount } from '../../core/shared-count.js';
import type { Trouble } from '../../observe/outages.js';
import { TroubleReport } from '../../observe/trouble-report.js';
import { PoolPort } from '../../thread/pool-port.js';
import type { Bodies } from '../http/bodies.js';
import type { Exchange } from '../http/exchange.js';
import { X_INTERNAL_SECRET } from '../http/header-bytes.js';

const UNDER_WAY_MAX = 8;
const WAITING_MAX = 16;
/** Who forwards waits no longer. */
const ANSWER_MS = 2_000;
const BOUND = { bytesMax: FORWARD_BYTES_MAX, name: 'of what nodes forward' };

export interface ForwardRoutesOptions {
  /** To the door; null: nothing is taken here. */
  door: MessagePort | null;
  /** Null: nothing is. */
  secret: string | null;
  bodies: Bodies;
  refused: SharedCount;
  onTrouble: (trouble: Trouble, times: number) => void;
}

export class ForwardRoutes {
  readonly #options: ForwardRoutesOptions;
  readonly #door: PoolPort<Uint8Array> | null;
  readonly #isSecret: ((shown: string) => boolean) | null;
  readonly #report: TroubleReport;

  constructor(options: ForwardRoutesOptions) {
    this.#options = options;
    const { door, secret, onTrouble } = options;
    const bounds = { underWayMax: UNDER_WAY_MAX, waitingMax: WAITING_MAX, answerMs: ANSWER_MS };
    this.#door = door === null ? null : new PoolPort(door, bounds);
    this.#isSecret = secret === null ? null : secretCheck(secret);
    this.#report = new TroubleReport({ trouble: onTrouble, over: () => undefined });
  }

  take(exchange: Exchange, req: HttpRequest): void {
    const door = this.#door;
    if (door === null || this.#isSecret === null) {
      throw new RequestError('not_found', 'there is no such path');
    }
    if (!this.#isSecret(req.getHeader(X_INTERNAL_SECRET))) {
      this.#refuse('secret');
      throw new RequestError('not_a_node', 'this is for nodes, which show X-Internal-Secret');
    }
    // Said again where it is read.
    if (Number(exchange.contentLength) > FORWARD_BYTES_MAX) this.#refuse('oversized');
    this.#options.bodies.read(exchange, BOUND, (body) => {
      door.ask(Uint8Array.from(body)).then(
        (answer) => exchange.reply(200, new Uint8Array(answer)),
        (error: RequestError) => exchange.fail(error),
      );
    });
  }

  close(): void {
    this.#report.close();
    this.#door?.close();
  }

  #refuse(fault: ForwardFault): void {
    this.#options.refused.add(1);
    this.#report.trouble(troubleOfForward(fault));
  }
}
