/** Pulls: their bodies, and whom they are handed to. */
import type { HttpRequest } from 'uWebSockets.js';
import type { Limits } from '../../core/limits.js';
import { parseJsonBody } from '../../wire/json-body.js';
import type { pull } from '../../wire/schemas/pulls.js';
import { BODY } from '../../wire/schemas/refusal.js';
import type { SubscriptionPlace } from '../../wire/schemas/subscriptions.js';
import type { Bodies } from '../http/bodies.js';
import { bodyType, refuseRepeated } from '../http/body-type.js';
import type { Exchange } from '../http/exchange.js';
import type { Proxies } from '../http/proxies.js';
import { readValue } from '../http/request-parts.js';
import type { Pulls } from '../session/pulls.js';

export interface PullRoutesOptions {
  pulls: Pick<Pulls, 'pull'>;
  bodies: Bodies;
  proxies: Pick<Proxies, 'clientOf'>;
  limits: Limits;
}

export class PullRoutes {
  readonly #options: PullRoutesOptions;

  constructor(options: PullRoutesOptions) {
    this.#options = options;
  }

  /** Of a body of this schema. */
  pull(
    {
      exchange,
      req,
      schema,
    }: { exchange: Exchange; req: HttpRequest; schema: ReturnType<typeof pull> },
    { topic, name }: SubscriptionPlace,
  ): void {
    const { bodies, limits, proxies, pulls } = this.#options;
    refuseRepeated(req);
    bodyType(req, ['json']);
    const address = proxies.clientOf(exchange.res, req);
    const bound = { bytesMax: limits.frameBytesMax, name: 'FRAME_BYTES_MAX' };
    bodies.read(exchange, bound, (bytes) => {
      const ask = readValue(schema, parseJsonBody(bytes, limits.depthMax), BODY);
      pulls.pull(exchange, { topic, name, address }, ask);
    });
  }
}
