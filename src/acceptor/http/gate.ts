/**
 * Whose a request is, by its API key or its token: the one place for HTTP, streams of events and upgrades.
 * With ENABLE_AUTH=false it is everybody's. Either is shown as X-API-Key or as Authorization: Bearer, never
 * in a URL; X-API-Key counts where there are both, and of several of one name the first. A page, which
 * can set no header of a WebSocket, offers its token as a subprotocol; an API key is not taken there. Where
 * there is none of these, the cookie of a login counts.
 */
import type { HttpRequest } from 'uWebSockets.js';
import { RequestError } from '../../core/errors.js';
import { NOBODY, type Principal } from '../../core/principal.js';
import { isToken, TOKEN_CHARS_MAX } from '../../core/token.js';
import type { Credentials } from '../../tenant/credentials.js';
import { refused, WrongSecret } from '../../tenant/key-cache.js';
import { type Exchange, faultOfOurs } from './exchange.js';
import type { Guard, Subject } from './guard.js';
import { AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL, X_API_KEY } from './header-bytes.js';
import { HeldBytes, tooManyBodies } from './held-body.js';
import { KeptRequest } from './kept-request.js';
import type { LoginCookies } from './login-cookie.js';

const BEARER = 'bearer ';
/** Of the subprotocol that has a token behind it. */
export const TOKEN_PROTOCOL = 'conduit.token.';

export interface Asking {
  /** Of its path. */
  parameters: number;
  /** Whether a body is kept until somebody reads it. */
  body: 'held' | 'none';
  /** `nobody`: it is served, as of nobody, also without a key that is good. */
  without: 'refused' | 'nobody';
  /** Does it, whose it is being known; `req` is valid until it returns. Throws nothing. */
  serve: (req: HttpRequest) => void;
}

export interface Gate {
  /** Null: `admit` finds out. Makes no object and no promise. */
  known(exchange: Exchange, req: HttpRequest): Principal | null;
  /** Sets whose the exchange is and serves it, at once or later; or refuses it. */
  admit(exchange: Exchange, req: HttpRequest, asking: Asking): void;
  /** Whether it is known that whoever asked still may: his body may have taken its time. Makes nothing. */
  stillKnows(exchange: Exchange): boolean;
  /** Finds that out, and keeps the body meanwhile: calls `then` with it, or refuses the exchange. */
  confirm(exchange: Exchange, body: Uint8Array, then: (body: Uint8Array) => void): void;
  /** The same for an answer that takes its time; what cannot be found out ends none. */
  stillMay(exchange: Exchange): Promise<boolean>;
}

/** Every request is of this one. */
export function openGate(principal: Principal): Gate {
  return {
    known: () => principal,
    admit: (exchange, req, { serve }) => {
      exchange.principal = principal;
      serve(req);
    },
    stillKnows: () => true,
    confirm: (_exchange, body, then) => then(body),
    stillMay: async () => true,
  };
}

export interface KeyGateOptions {
  shown: Credentials;
  guard: Guard;
  cookies: LoginCookies;
}

export class KeyGate implements Gate {
  readonly #shown: Credentials;
  readonly #guard: Guard;
  readonly #cookies: LoginCookies;
  readonly #held = new HeldBytes();

  constructor({ shown, guard, cookies }: KeyGateOptions) {
    this.#shown = shown;
    this.#guard = guard;
    this.#cookies = cookies;
  }

  known(exchange: Exchange, req: HttpRequest): Principal | null {
    const text = shownKey(req);
    exchange.shown = text;
    return text === '' ? null : this.#shown.known(text);
  }

  admit(exchange: Exchange, req: HttpRequest, asking: Asking): void {
    const text = shownKey(req) || this.#cookies.shown(exchange, req);
    if (text === '' || text.length > TOKEN_CHARS_MAX) {
      settle(exchange, req, { asking, outcome: keyInUrl(req) ?? refused() });
      return;
    }
    exchange.shown = text;
    const wait: { outcome: Principal | RequestError | null; req: HttpRequest | null } = {
      outcome: null,
      req: null,
    };
    this.#shown.admit(text, (outcome) => {
      if (wait.req === null) wait.outcome = outcome;
      else this.#later(exchange, wait.req, { asking, outcome });
    });
    if (wait.outcome !== null) {
      settle(exchange, req, { asking, outcome: wait.outcome });
      return;
    }
    wait.req = new KeptRequest(req, asking.parameters);
    if (asking.body === 'held') exchange.holdBody(this.#held);
  }

  stillKnows({ principal, shown }: Exchange): boolean {
    return principal === NOBODY || this.#shown.known(shown) === principal;
  }

  confirm(exchange: Exchange, body: Uint8Array, then: (body: Uint8Array) => void): void {
    const { length } = body;
    if (!this.#held.take(length, 0)) {
      exchange.failAndClose(tooManyBodies());
      return;
    }
    const kept = Uint8Array.from(body);
    this.#shown.admit(exchange.shown, (outcome) => {
      this.#held.giveBack(length);
      this.#guard.run('confirmation', subjectOf(exchange), () => {
        if (!exchange.isOpen) return;
        const refusal = refusalOf(outcome, exchange.principal);
        if (refusal === null) then(kept);
        else {
          // Nobody is told how a tenant stands that is not his any more.
          exchange.principal = NOBODY;
          exchange.fail(refusal);
        }
      });
    });
  }

  async stillMay(exchange: Exchange): Promise<boolean> {
    if (this.stillKnows(exchange)) return true;
    const outcome = await new Promise<Principal | RequestError>((resolve) =>
      this.#shown.admit(exchange.shown, resolve),
    );
    return refusalOf(outcome, exchange.principal)?.code !== 'unauthorized';
  }

  #later(exchange: Exchange, req: HttpRequest, settled: Settled): void {
    this.#guard.run('admission', subjectOf(exchange), () => {
      if (exchange.isOpen) settle(exchange, req, settled);
    });
    exchange.dropHeld();
  }
}

function subjectOf(exchange: Exchange): Subject {
  return { broken: () => exchange.fail(faultOfOurs()) };
}

/** Null: he may all that he might when his request began. */
function refusalOf(now: Principal | RequestError, before: Principal): RequestError | null {
  if (now === before) return null;
  if (now instanceof RequestError) return now;
  const { tenant, scopes, topics } = before;
  return now.holds({ tenant, scopes: [...scopes], topics }) ? null : refused();
}

interface Settled {
  asking: Asking;
  outcome: Principal | RequestError;
}

function settle(exchange: Exchange, req: HttpRequest, { asking, outcome }: Settled): void {
  if (!(outcome instanceof RequestError)) exchange.principal = outcome;
  else if (asking.without === 'nobody') exchange.principal = NOBODY;
  else {
    if (outcome instanceof WrongSecret) exchange.refusedAs(outcome.owner);
    exchange.fail(outcome);
    return;
  }
  asking.serve(req);
}

/** As people name it who put it there. */
const KEY_IN_QUERY = /(?:^|&)((?:x-)?api[-_]?key|key|authorization)=/i;

/** Whoever shows a key in the URL has told it to each log on the way. */
function keyInUrl(req: HttpRequest): RequestError | null {
  const name = KEY_IN_QUERY.exec(req.getQuery() ?? '')?.[1];
  if (name === undefined) return null;
  const detail =
    'a key is not taken from the URL, which is written to logs: revoke it, and send another as ' +
    'X-API-Key or Authorization: Bearer';
  return new RequestError('unauthorized', detail, name);
}

/** '' where none is shown in a way that is known. */
function shownKey(req: HttpRequest): string {
  const key = req.getHeader(X_API_KEY);
  if (key !== '') return key;
  const header = req.getHeader(AUTHORIZATION);
  if (header.length > BEARER.length && header.slice(0, BEARER.length).toLowerCase() === BEARER) {
    return header.slice(BEARER.length);
  }
  return offeredToken(req.getHeader(SEC_WEBSOCKET_PROTOCOL));
}

/** Of several the first; '' for none, and for what can be no token. */
function offeredToken(protocols: string): string {
  if (!protocols.includes(TOKEN_PROTOCOL)) return '';
  const names = protocols.split(',').map((name) => name.trim());
  const offered = names.find((name) => name.startsWith(TOKEN_PROTOCOL)) ?? '';
  const text = offered.slice(TOKEN_PROTOCOL.length);
  return isToken(text) ? text : '';
}
