/** What a browser does with a node: it keeps its cookie, and says which page asks. Test-side only. */
import http from 'node:http';
import WebSocket from 'ws';
import { type Answer, request } from '../clients/publisher.js';

/** Where a test calls for a browser, more headers may stand for a proxy in front. */
export type BrowserHeaders = Record<string, string>;

export class Browser {
  readonly #url: string;
  /** `name=value`; '' none. */
  cookie = '';
  /** The last Set-Cookie, whole. */
  set = '';

  constructor(url: string) {
    this.#url = url;
  }

  /** Keeps the cookie that comes. */
  async ask(line: string, headers: BrowserHeaders = {}, body?: object): Promise<Answer> {
    const [method = '', target = ''] = line.split(' ');
    const json = body === undefined ? {} : { 'content-type': 'application/json' };
    const sent = { method, headers: { ...this.#cookies, ...json, ...headers } };
    const more = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await request(`${this.#url}${target}`, { ...sent, ...more });
    const [set] = answer.headers['set-cookie'] ?? [];
    if (set !== undefined) {
      this.set = set;
      this.cookie = set.split(';')[0] ?? '';
    }
    return answer;
  }

  logIn(key: string, headers: BrowserHeaders = {}): Promise<Answer> {
    return this.ask('POST /api/session', { 'x-api-key': key, ...headers });
  }

  /** The session, or the status without one. */
  connect(origin: string): Promise<WebSocket | number> {
    const url = `${this.#url.replace('http', 'ws')}/ws`;
    const socket = new WebSocket(url, { headers: this.#cookies, origin });
    return new Promise((resolve) => {
      socket.on('unexpected-response', (_request, { statusCode = 0 }) => resolve(statusCode));
      socket.on('error', () => undefined);
      socket.on('open', () => resolve(socket));
    });
  }

  /** The status of a stream of events, which goes no further. */
  streams(target: string, origin: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const headers = { ...this.#cookies, origin };
      const call = http.get(`${this.#url}${target}`, { headers, agent: false });
      call.once('response', ({ statusCode = 0 }) => {
        resolve(statusCode);
        call.destroy();
      });
      call.once('error', reject);
    });
  }

  get #cookies(): BrowserHeaders {
    return this.cookie === '' ? {} : { cookie: `other=1; ${this.cookie}; last=2` };
  }
}
