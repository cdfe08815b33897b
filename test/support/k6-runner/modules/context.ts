/**
 * What the modules of k6 share within the thread of one virtual user: what it measured and has not told yet,
 * what its iteration still waits for, and the way to the HTTP client of the main thread.
 */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { HttpAnswer, HttpCall, Sample, Tags } from '../messages.js';

class Context {
  scenario = { name: '', iterationInTest: 0 };
  vu = 0;
  #samples: Sample[] = [];
  #waitsFor = 0;
  #idle: (() => void) | null = null;
  #port: MessagePort | null = null;
  #answers: MessagePort | null = null;
  #flag = new Int32Array(new SharedArrayBuffer(4)) as Int32Array;

  connect(port: MessagePort, answers: MessagePort, flag: Int32Array): void {
    this.#port = port;
    this.#answers = answers;
    this.#flag = flag;
  }

  record(metric: string, value: number, tags: Tags = {}): void {
    this.#samples.push({ metric, value, tags: { scenario: this.scenario.name, ...tags } });
  }

  takeSamples(): Sample[] {
    const samples = this.#samples;
    this.#samples = [];
    return samples;
  }

  /** As in k6, HTTP holds up the whole virtual user. */
  call(call: HttpCall): HttpAnswer {
    Atomics.store(this.#flag, 0, 0);
    this.#port?.postMessage({ kind: 'http', call });
    Atomics.wait(this.#flag, 0, 0);
    if (this.#answers === null) throw new Error('there is no HTTP while the script is read');
    const answer = receiveMessageOnPort(this.#answers);
    return (answer as { message: HttpAnswer }).message;
  }

  /** An open socket or timer: the iteration is not over before it is. */
  began(): void {
    this.#waitsFor++;
  }

  ended(): void {
    this.#waitsFor--;
    if (this.#waitsFor === 0) this.#idle?.();
  }

  async whenIdle(): Promise<void> {
    if (this.#waitsFor === 0) return;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
    this.#idle = null;
  }
}

export const context = new Context();
