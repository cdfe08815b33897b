/** Requests for a WebSocket: who may have one, its subprotocol, and what the client calls itself. */
import type { HttpRequest, HttpResponse, us_socket_context_t } from 'uWebSockets.js';
import { CLIENT_CHARS_MAX, type ClientName, clientName } from '../../core/client-name.js';
import { RequestError } from '../../core/errors.js';
import type { Principal } from '../../core/principal.js';
import { isRefused } from '../http/admission.js';
import { Exchange, type ExchangeParts } from '../http/exchange.js';
import type { Gate } from '../http/gate.js';
import type { Proxies } from '../http/proxies.js';
import type { SocketData } from './session.js';
import { chooseProtocol, formOf, kindOf, TAKEN_PROTOCOLS } from './subprotocol.js';

const UPGRADE = { parameters: 0, body: 'none', without: 'refused' } as const;
const ASKED = { audit: null, method: 'GET', path: '/ws' } as const;

export interface UpgradesOptions {
  gate: Gate;
  proxies: Proxies;
  parts: ExchangeParts;
  /** Why the node takes no more for now; null: it does. */
  refusal: (principal: Principal) => RequestError | null;
}

export class Upgrades {
  readonly #options: UpgradesOptions;

  constructor(options: UpgradesOptions) {
    this.#options = options;
  }

  take(res: HttpResponse, req: HttpRequest, context: us_socket_context_t): void {
    const { parts, gate } = this.#options;
    const exchange = new Exchange(res, req, parts);
    exchange.asks = ASKED;
    if (isRefused(exchange, req, { callers: parts.callers, asked: 'page' })) return;
    const principal = gate.known(exchange, req);
    if (principal === null) {
      const serve = (kept: HttpRequest): void => this.#accept(exchange, kept, context);
      gate.admit(exchange, req, { ...UPGRADE, serve });
      return;
    }
    exchange.principal = principal;
    this.#accept(exchange, req, context);
  }

  /** Whose it is being known: whatever its key is good for, each frame is held to that. */
  #accept(exchange: Exchange, req: HttpRequest, context: us_socket_context_t): void {
    const refusal = this.#options.refusal(exchange.principal) ?? refusalOf(req);
    if (refusal !== null) {
      exchange.fail(refusal);
      return;
    }
    const protocol = chooseProtocol(req.getHeader('sec-websocket-protocol'));
    if (protocol === null) {
      exchange.fail(new RequestError('bad_upgrade', TAKEN_PROTOCOLS, 'Sec-WebSocket-Protocol'));
      return;
    }
    const client = clientOf(req);
    if (client instanceof RequestError) {
      exchange.fail(client);
      return;
    }
    const { principal, res } = exchange;
    const forwardedFor = this.#options.proxies.forwardedFor(res, req);
    const [kind, form] = [kindOf(protocol), formOf(protocol)];
    const data: SocketData = { session: null, kind, form, principal, client, forwardedFor };
    // Not corked: a cork takes the socket for HTTP still where it kept its place, and may close it.
    res.upgrade(data, req.getHeader('sec-websocket-key'), protocol, '', context);
  }
}

/** uWebSockets takes whatever has a key for an upgrade (RFC 6455, 4.2.1, asks for these two as well). */
function refusalOf(req: HttpRequest): RequestError | null {
  if (req.getHeader('upgrade').toLowerCase() !== 'websocket') {
    return new RequestError('bad_upgrade', 'must be websocket', 'Upgrade');
  }
  if (!/(^|[,\s])upgrade($|[,\s])/i.test(req.getHeader('connection'))) {
    return new RequestError('bad_upgrade', 'must have upgrade', 'Connection');
  }
  if (req.getHeader('sec-websocket-version') !== '13') {
    return new RequestError('bad_upgrade', 'must be 13', 'Sec-WebSocket-Version');
  }
  if (/^[A-Za-z0-9+/]{22}==$/.test(req.getHeader('sec-websocket-key'))) return null;
  return new RequestError('bad_upgrade', 'must be 16 bytes in base64', 'Sec-WebSocket-Key');
}

/** By `client` and `version` of the URL; null: it has none. */
function clientOf(req: HttpRequest): ClientName | RequestError | null {
  const query = req.getQuery() ?? '';
  if (query === '') return null;
  const asked = new URLSearchParams(query);
  const [name, version] = [asked.get('client') ?? '', asked.get('version') ?? ''];
  for (const [field, text] of Object.entries({ client: name, version })) {
    if (text.length <= CLIENT_CHARS_MAX) continue;
    return new RequestError('bad_upgrade', `has more than ${CLIENT_CHARS_MAX} characters`, field);
  }
  return name === '' ? null : clientName(name, version === '' ? null : version);
}
