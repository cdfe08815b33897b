/**
 * The cookie that a browser shows in the place of an API key. The browser sends it whatever page asks, so it
 * counts only for what comes from a page of this node: SameSite=Strict keeps other sites out, and where a
 * request has an Origin that is compared here, since pages of the same site may be somebody else's.
 */
import type { HttpRequest } from 'uWebSockets.js';
import { isLoginId } from '../../core/api-key.js';
import type { Callers } from './callers.js';
import type { Exchange } from './exchange.js';
import type { Proxies } from './proxies.js';

const NAME = 'conduit_session';
const SHARED = 'Path=/; HttpOnly; SameSite=Strict';

export interface LoginCookiesOptions {
  callers: Pick<Callers, 'isOurs'>;
  proxies: Pick<Proxies, 'schemeOf'>;
}

export class LoginCookies {
  readonly #options: LoginCookiesOptions;

  constructor(options: LoginCookiesOptions) {
    this.#options = options;
  }

  /** Whether no page asks, or one of this node. */
  isOurs({ origin, res }: Pick<Exchange, 'origin' | 'res'>, req: HttpRequest): boolean {
    const { callers, proxies } = this.#options;
    return origin === '' || callers.isOurs(req, origin, proxies.schemeOf(res, req));
  }

  /** What is shown; '' where there is none, or a page shows it that is not this node's. */
  shown(asked: Pick<Exchange, 'origin' | 'res'>, req: HttpRequest): string {
    const login = valueIn(req.getHeader('cookie'));
    return isLoginId(login) && this.isOurs(asked, req) ? login : '';
  }

  /** Of Set-Cookie. */
  made(
    { res }: Pick<Exchange, 'res'>,
    req: HttpRequest,
  ): (login: string, leftMs: number) => string {
    const secure = this.#options.proxies.schemeOf(res, req) === 'https' ? '; Secure' : '';
    return (login, leftMs) =>
      `${NAME}=${login}; Max-Age=${Math.floor(leftMs / 1_000)}; ${SHARED}${secure}`;
  }

  /** Of Set-Cookie: there is none any more. */
  get gone(): string {
    return `${NAME}=; Max-Age=0; ${SHARED}`;
  }
}

/** Of the first of that name. */
function valueIn(header: string): string {
  for (const pair of header.split(';')) {
    const at = pair.indexOf('=');
    if (pair.slice(0, at).trim() === NAME) return pair.slice(at + 1).trim();
  }
  return '';
}
