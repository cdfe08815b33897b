/** The key or token of a client: asked of its callback when there is none, or the last one is over. */
import { ConduitError, wordsOf } from './conduit-error.js';
import type { ConnectOptions, Secret } from './connect-options.js';

export class ClientCredentials {
  readonly kind: 'key' | 'token' | 'none';
  readonly #secret: Secret;
  readonly #timeoutMs: number;
  #known: string | null = null;
  #asking: Promise<string> | null = null;

  constructor({ apiKey, token }: ConnectOptions, timeoutMs: number) {
    this.kind = token !== undefined ? 'token' : apiKey !== undefined ? 'key' : 'none';
    this.#secret = token ?? apiKey ?? '';
    this.#timeoutMs = timeoutMs;
  }

  /** Whether another may come of asking again. */
  get isRenewable(): boolean {
    return typeof this.#secret === 'function';
  }

  /** That one, or whichever is known, is over. */
  drop(): void {
    this.#known = null;
  }

  /** '' without any. Throws ConduitError credentials_failed. */
  async current(): Promise<string> {
    if (typeof this.#secret === 'string') return this.#secret;
    if (this.#known !== null) return this.#known;
    this.#asking ??= this.#ask(this.#secret).finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  /** For HTTP. */
  async headers(): Promise<Record<string, string>> {
    const secret = await this.current();
    if (secret === '') return {};
    return this.kind === 'token' ? { authorization: `Bearer ${secret}` } : { 'x-api-key': secret };
  }

  async #ask(callback: () => string | Promise<string>): Promise<string> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      const words = `no answer in ${this.#timeoutMs} ms`;
      timer = setTimeout(() => reject(new Error(words)), this.#timeoutMs);
    });
    try {
      const secret = await Promise.race([Promise.resolve().then(callback), late]);
      if (typeof secret !== 'string' || secret === '') throw new TypeError('it gave no text');
      this.#known = secret;
      return secret;
    } catch (cause) {
      const text = `the callback for the ${this.kind} failed: ${wordsOf(cause)}`;
      throw new ConduitError('credentials_failed', text, { cause });
    } finally {
      clearTimeout(timer);
    }
  }
}
