/**
 * /api/session: a browser shows an API key once, and a cookie from then on, which scripts cannot read.
 * Whoever asks with the cookie alone is given another one for it: the old one goes on for a moment.
 */
import type { HttpRequest } from 'uWebSockets.js';
import type { Clock } from '../../core/clock.js';
import { RequestError } from '../../core/errors.js';
import { KeyedRates, shareOf } from '../../core/keyed-rates.js';
import type { Limits } from '../../core/limits.js';
import { networkOf } from '../../core/network-address.js';
import type { Exchange } from '../http/exchange.js';
import type { LoginCookies } from '../http/login-cookie.js';
import type { Proxies } from '../http/proxies.js';
import { type Directory, turnOf } from './directory.js';

/** Addresses whose tries are remembered. */
const ADDRESSES_MAX = 16_384;

export interface LoginRoutesOptions {
  clock: Clock;
  limits: Pick<Limits, 'loginsPerMinuteMax'>;
  /** Of the node. */
  acceptors: number;
  directory: Directory;
  cookies: LoginCookies;
  proxies: Proxies;
}

export class LoginRoutes {
  readonly #options: LoginRoutesOptions;
  /** By address. */
  readonly #tries: KeyedRates<string>;

  constructor(options: LoginRoutesOptions) {
    this.#options = options;
    const { limits, acceptors, clock } = options;
    const burst = limits.loginsPerMinuteMax;
    const share = shareOf({ perS: burst / 60, burst }, acceptors);
    this.#tries = new KeyedRates({ ...share, keysMax: ADDRESSES_MAX }, clock);
  }

  /**
   * Before it is known whose key it is, good or not. Throws `login_rate`; `origin_refused` for a page that is
   * not this node's: what it tries is not counted, else it could lock out whoever has it open.
   */
  checkTry(exchange: Exchange, req: HttpRequest): void {
    const { proxies, limits, cookies } = this.#options;
    if (!cookies.isOurs(exchange, req)) {
      const detail = 'pages of this node log in, and those that CORS_ORIGIN has by name';
      throw new RequestError('origin_refused', detail, 'Origin');
    }
    if (this.#tries.take(networkOf(proxies.clientOf(exchange.res, req)))) return;
    const detail = `${limits.loginsPerMinuteMax} logins a minute from one address (LOGINS_PER_MINUTE_MAX)`;
    throw new RequestError('login_rate', detail);
  }

  /**
   * Rejects with RequestError: `not_found` with ENABLE_AUTH=false; `forbidden` for a token, which would
   * become all that its key is good for.
   */
  async begin(exchange: Exchange, req: HttpRequest): Promise<void> {
    const { directory, cookies } = this.#options;
    const { principal } = exchange;
    if (principal.token !== null) {
      throw new RequestError('forbidden', 'a token logs nobody in: show the key that it comes of');
    }
    const cookie = cookies.made(exchange, req);
    const { keyId, loginId: replaces } = principal;
    const args = { keyId: keyId ?? '', replaces };
    const { made } = await directory.ask(turnOf(principal), 'logins.create', args);
    // Of two tabs the second has a cookie that goes: the browser keeps that of the first.
    exchange.noContent(made === null ? null : ['Set-Cookie', cookie(made.login, made.leftMs)]);
  }

  /** What it has open is closed. Rejects with RequestError: `not_found` where a key was shown, no login. */
  async end(exchange: Exchange): Promise<void> {
    const { directory, cookies } = this.#options;
    const { principal } = exchange;
    if (principal.loginId === null && principal.keyId !== null) {
      throw new RequestError('not_found', 'nobody is logged in: a key was shown, and no cookie');
    }
    const id = principal.loginId ?? '';
    await directory.ask(turnOf(principal), 'logins.delete', { id });
    exchange.noContent(['Set-Cookie', cookies.gone]);
  }
}
