/**
 * Who may call this node, by the Host that a request names and the Origin of the page that sent it. A
 * browser sends what any page asks it to, to whatever the page's name resolves to; both headers are
 * written by the browser, and other clients send no Origin. Where no API keys are asked for, nothing else
 * stands between a page and a node on the reader's own machine.
 */
import type { HttpRequest } from 'uWebSockets.js';
import type { Config } from '../../config/config.js';
import { RequestError } from '../../core/errors.js';
import { hostNameOf, isAddress, isLoopback } from '../../core/host-name.js';
import { HOST } from './header-bytes.js';

export type CallersConfig = Pick<Config, 'corsOrigin' | 'allowedHosts' | 'tlsCertFile'>;

/** `page`: changes, or opens something that stays open, so the page it comes from must be allowed. */
export type AskedBy = 'anyone' | 'page';

export class Callers {
  /** Origins whose pages may write and connect; null: any. */
  readonly #origins: ReadonlySet<string> | null;
  /** Those of this machine may, too. */
  readonly #takesLoopback: boolean;
  readonly #scheme: 'http' | 'https';
  /** Names in the Host header that are taken beside addresses; null: any. */
  readonly #hosts: readonly string[] | null;
  readonly #onlyLoopback: boolean;

  constructor({ corsOrigin, allowedHosts, tlsCertFile }: CallersConfig) {
    const origins = corsOrigin.split(',');
    this.#takesLoopback = origins.includes('loopback');
    this.#origins =
      corsOrigin === '*' ? null : new Set(origins.filter((one) => one !== 'loopback'));
    this.#scheme = tlsCertFile === null ? 'http' : 'https';
    this.#hosts = allowedHosts === '*' ? null : allowedHosts.split(',');
    this.#onlyLoopback = allowedHosts === 'loopback';
  }

  /** Why this request is not served; null: it is. `origin`: '' without the header. */
  refusal(req: HttpRequest, origin: string, asked: AskedBy): RequestError | null {
    if (this.#hosts !== null && !this.#takesHost(req.getHeader(HOST))) {
      const detail = 'this node does not go by this name: use another URL, or set ALLOWED_HOSTS';
      return new RequestError('host_refused', detail, 'Host');
    }
    if (asked === 'anyone' || origin === '' || this.#isShared(origin)) return null;
    if (this.#isOwn(origin, req.getHeader(HOST))) return null;
    const detail = 'pages of this origin may not do this: CORS_ORIGIN says which may';
    return new RequestError('origin_refused', detail, 'Origin');
  }

  /**
   * Whether pages of this origin are this node's, so that the cookie of a browser counts for them: it has the
   * scheme and the Host that the browser was pointed to, or CORS_ORIGIN has it by name.
   */
  isOurs(req: HttpRequest, origin: string, scheme: 'http' | 'https'): boolean {
    if (this.#origins?.has(origin) === true) return true;
    return httpUrl(`${scheme}://${req.getHeader(HOST)}`)?.origin === origin;
  }

  /** Whether answers differ by the page that asks, which caches are to know. */
  get tellsOrigins(): boolean {
    return this.#origins !== null;
  }

  /** Access-Control-Allow-Origin for a page; null: none is due. */
  shareWith(origin: string): string | null {
    if (origin === '') return null;
    if (this.#origins === null) return '*';
    return this.#isShared(origin) ? origin : null;
  }

  #takesHost(header: string): boolean {
    const name = hostNameOf(header);
    if (name === null) return false;
    if (isLoopback(name)) return true;
    return !this.#onlyLoopback && (isAddress(name) || this.#hosts?.includes(name) === true);
  }

  #isShared(origin: string): boolean {
    if (this.#origins === null || this.#origins.has(origin)) return true;
    const url = this.#takesLoopback ? httpUrl(origin) : null;
    return url !== null && isLoopback(url.hostname);
  }

  /** A page of this node. A name that anybody may point here proves nothing, unless it is one of ours. */
  #isOwn(origin: string, host: string): boolean {
    const name = hostNameOf(host);
    if (name === null || httpUrl(`${this.#scheme}://${host}`)?.origin !== httpUrl(origin)?.origin)
      return false;
    return this.#hosts !== null || isAddress(name) || isLoopback(name);
  }
}

function httpUrl(text: string): URL | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  return url?.protocol === 'http:' || url?.protocol === 'https:' ? url : null;
}
