/** A virtual user: a thread with a copy of the script, whose HTTP calls are made here. */
import http from 'node:http';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { FromVu, HttpAnswer, HttpCall, Iterate, Sample } from './messages.js';

const THREAD = new URL('./vu-thread.js', import.meta.url);

export interface Iteration {
  samples: Sample[];
  result: unknown;
  /** Of what the script threw; else ''. */
  error: string;
}

export interface Script {
  /** A file URL. */
  url: string;
  env: Readonly<Record<string, string>>;
}

export class VirtualUser {
  readonly ready: Promise<Extract<FromVu, { kind: 'ready' }>>;
  readonly #worker: Worker;
  readonly #answers: MessagePort;
  readonly #flag = new SharedArrayBuffer(4);
  readonly #agent: http.Agent;
  #ended: ((iteration: Iteration) => void) | null = null;

  constructor({ url, env }: Script, vu: number, agent: http.Agent) {
    this.#agent = agent;
    const { port1, port2 } = new MessageChannel();
    this.#answers = port1;
    this.#worker = new Worker(THREAD, {
      workerData: { script: url, env, vu, flag: this.#flag, answers: port2 },
      transferList: [port2],
    });
    this.ready = new Promise((resolve, reject) => {
      this.#worker.on('message', (message: FromVu) => {
        if (message.kind === 'ready') resolve(message);
        else if (message.kind === 'http') void this.#answer(message.call);
        else this.#ended?.(message);
      });
      this.#worker.once('error', (error: Error) => {
        reject(error);
        this.#ended?.({ samples: [], result: undefined, error: String(error.stack) });
      });
    });
    this.ready.catch(() => undefined);
  }

  run(iterate: Iterate): Promise<Iteration> {
    return new Promise((resolve) => {
      this.#ended = resolve;
      this.#worker.postMessage(iterate);
    });
  }

  async stop(): Promise<void> {
    this.#answers.close();
    await this.#worker.terminate();
  }

  async #answer(call: HttpCall): Promise<void> {
    const startedAt = performance.now();
    const got = await send(call, this.#agent);
    this.#answers.postMessage({ ...got, durationMs: performance.now() - startedAt });
    const flag = new Int32Array(this.#flag);
    Atomics.store(flag, 0, 1);
    Atomics.notify(flag, 0);
  }
}

function send(call: HttpCall, agent: http.Agent): Promise<Omit<HttpAnswer, 'durationMs'>> {
  const { method, url, headers, body, timeoutMs } = call;
  return new Promise((resolve) => {
    const failed = ({ message }: Error): void =>
      resolve({ status: 0, headers: {}, body: '', error: message });
    const request = http.request(url, { method, headers, agent, timeout: timeoutMs }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.once('error', failed);
      answer.once('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        const fields = Object.entries(answer.headers).map(([name, value]) => [name, String(value)]);
        const status = answer.statusCode ?? 0;
        resolve({ status, headers: Object.fromEntries(fields), body: text, error: '' });
      });
    });
    request.once('timeout', () => request.destroy(new Error('no answer in time')));
    request.once('error', failed);
    request.end(body ?? undefined);
  });
}
