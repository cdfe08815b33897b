/**
 * What a request said, for longer than uWebSockets keeps it: for one whose API key has to be looked up
 * first, and for no other, since it copies all headers.
 */
import type { HttpRequest, RecognizedString } from 'uWebSockets.js';

export class KeptRequest implements HttpRequest {
  /** Name, then value, in turn. */
  readonly #headers: string[] = [];
  readonly #parameters: readonly string[];
  readonly #url: string;
  readonly #method: string;
  readonly #methodAsSent: string;
  readonly #query: string;

  /** `parameters`: how many its path has. */
  constructor(req: HttpRequest, parameters: number) {
    req.forEach((name, value) => {
      this.#headers.push(name, value);
    });
    this.#parameters = Array.from({ length: parameters }, (_, n) => req.getParameter(n) ?? '');
    this.#url = req.getUrl();
    this.#method = req.getMethod();
    this.#methodAsSent = req.getCaseSensitiveMethod();
    this.#query = req.getQuery() ?? '';
  }

  /** Of several with one name the first, as uWebSockets does. */
  getHeader(name: RecognizedString): string {
    const wanted = typeof name === 'string' ? name : latin1(name);
    for (let at = 0; at < this.#headers.length; at += 2) {
      if (this.#headers[at] === wanted) return this.#headers[at + 1] ?? '';
    }
    return '';
  }

  getParameter(index: number): string {
    return this.#parameters[index] ?? '';
  }

  getUrl(): string {
    return this.#url;
  }

  getMethod(): string {
    return this.#method;
  }

  getCaseSensitiveMethod(): string {
    return this.#methodAsSent;
  }

  getQuery(): string;
  getQuery(key: string): string | undefined;
  getQuery(key?: string): string | undefined {
    if (key === undefined) return this.#query;
    return new URLSearchParams(this.#query).get(key) ?? undefined;
  }

  forEach(callback: (name: string, value: string) => void): void {
    for (let at = 0; at < this.#headers.length; at += 2) {
      callback(this.#headers[at] ?? '', this.#headers[at + 1] ?? '');
    }
  }

  setYield(): HttpRequest {
    throw new Error('another route cannot have it any more');
  }
}

function latin1(bytes: Exclude<RecognizedString, string>): string {
  const view = ArrayBuffer.isView(bytes)
    ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    : Buffer.from(bytes);
  return view.toString('latin1');
}
