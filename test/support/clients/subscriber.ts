/**
 * A subscriber for tests, on the `ws` package: speaks the three formats, records what came, and says
 * what was out of order. It knows nothing of the server's code.
 */
import { Packr } from 'msgpackr';
import WebSocket from 'ws';

/** `seed`: no subprotocol, and so one JSON frame a message. */
export type Format = 'seed' | 'json' | 'msgpack';

export type Frame = Record<string, unknown> & { type: string };

// As users have it: what arrives in a 64-bit form would be a bigint.
const packr = new Packr({ useRecords: false });
const SUBPROTOCOL = { seed: [], json: ['conduit.json.v1'], msgpack: ['conduit.msgpack.v1'] };

export class Subscriber {
  readonly socket: WebSocket;
  readonly format: Format;
  /** Sequences of `message` frames by topic, in the order they came. */
  readonly sequences = new Map<string, number[]>();
  readonly messages: Frame[] = [];
  /** Every frame that is no `message`. */
  readonly control: Frame[] = [];
  /** What a frame that came out of order, or twice, looked like. */
  readonly disorder: string[] = [];
  closed: { code: number; reason: string } | null = null;
  /** Keep whole message frames in `messages`; off for the large runs. */
  keep = true;
  onMessage: ((frame: Frame) => void) | null = null;
  /** Every frame that is no `message`, as it comes. */
  onControl: ((frame: Frame) => void) | null = null;

  /** `key`: an API key; a token, which is offered as a page does where a subprotocol is; '' for none. */
  constructor(wsUrl: string, format: Format = 'seed', key = '') {
    this.format = format;
    const asPage = key.startsWith('cdtt_') && format !== 'seed';
    const protocols = asPage
      ? [...SUBPROTOCOL[format], `conduit.token.${key}`]
      : SUBPROTOCOL[format];
    this.socket = new WebSocket(`${wsUrl}/ws`, protocols, {
      maxPayload: 64 * 1024 * 1024,
      perMessageDeflate: false,
      ...(key === '' || asPage ? {} : { headers: { 'x-api-key': key } }),
    });
    this.socket.on('message', (data: Buffer) => this.#receive(data));
    this.socket.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() };
    });
    this.socket.on('error', (error) => {
      this.closed ??= { code: 0, reason: error.message };
    });
  }

  static async open(wsUrl: string, format: Format = 'seed', key = ''): Promise<Subscriber> {
    const subscriber = new Subscriber(wsUrl, format, key);
    await new Promise<void>((resolve, reject) => {
      subscriber.socket.once('open', () => resolve());
      subscriber.socket.once('error', reject);
    });
    return subscriber;
  }

  send(frame: Record<string, unknown>): void {
    const bytes = this.format === 'msgpack' ? packr.pack(frame) : JSON.stringify(frame);
    this.socket.send(bytes);
  }

  /** Sends a subscribe and waits for its answer, a `subscribed` or an `error` frame. */
  async subscribe(topic: string, options: Record<string, unknown> = {}): Promise<Frame> {
    const ref = `subscribe-${topic}-${this.control.length}`;
    this.send({ type: 'subscribe', topic, ref, ...options });
    return this.waitFor((frame) => frame.ref === ref);
  }

  /** The first control frame, past or to come, that fits; for as long as `eventually` waits. */
  waitFor(fits: (frame: Frame) => boolean, timeoutMs = 30_000): Promise<Frame> {
    const past = this.control.find(fits);
    if (past !== undefined) return Promise.resolve(past);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        const seen = JSON.stringify(this.control.slice(-5));
        reject(new Error(`no such frame in ${timeoutMs} ms; last: ${seen}`));
      }, timeoutMs);
      const waiter = (frame: Frame): void => {
        if (!fits(frame)) return;
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        resolve(frame);
      };
      this.#waiters.add(waiter);
    });
  }

  close(): void {
    this.socket.close(1000);
  }

  readonly #waiters = new Set<(frame: Frame) => void>();

  #receive(data: Buffer): void {
    for (const frame of this.#decode(data)) {
      if (frame.type === 'message') this.#message(frame);
      else {
        this.control.push(frame);
        this.onControl?.(frame);
        for (const waiter of [...this.#waiters]) waiter(frame);
      }
    }
  }

  #decode(data: Buffer): Frame[] {
    if (this.format === 'msgpack') return packr.unpackMultiple(data) as Frame[];
    const text = data.toString('utf8');
    const frames = this.format === 'json' ? text.split('\u001e') : [text];
    return frames.map((frame) => JSON.parse(frame) as Frame);
  }

  #message(frame: Frame): void {
    // What was not acknowledged in time comes again; order is a matter of first attempts.
    if (frame['attempt'] === 1) this.#firstAttempt(String(frame.topic), Number(frame.sequence));
    if (this.keep) this.messages.push(frame);
    this.onMessage?.(frame);
  }

  #firstAttempt(topic: string, sequence: number): void {
    const known = this.sequences.get(topic);
    if (known === undefined) this.sequences.set(topic, [sequence]);
    else {
      const last = known.at(-1) ?? 0;
      if (sequence !== last + 1) this.disorder.push(`${topic}: ${last} then ${sequence}`);
      known.push(sequence);
    }
  }
}
