/**
 * A session of a durable subscription, on a node of its choice, that acknowledges what it is given, unless it
 * is told otherwise, and writes all of it down for delivery-checker.ts.
 */
import type { TestNode } from '../../../native-bench/rig/node.js';
import type { ChaosRecorder } from '../chaos/chaos-recorder.js';
import { type Format, type Frame, Subscriber } from '../clients/subscriber.js';

const WORK_MS = 20;

export interface MemberOptions {
  node: TestNode;
  topic: string;
  name: string;
  recorder: ChaosRecorder;
  format?: Format;
  settings?: Record<string, unknown>;
  /** What is said of a delivery; 'nothing': it is kept. */
  answer?: (frame: Frame) => 'ack' | 'nack' | 'nothing';
}

export class GroupMember {
  readonly #options: MemberOptions;
  readonly #connection: number;
  readonly subscriber: Subscriber;
  /** Deliveries, in the order they came. */
  readonly got: { sequence: number; attempt: number }[] = [];
  /** Frames that are neither messages nor acks. */
  readonly told: Frame[] = [];
  answer: (frame: Frame) => 'ack' | 'nack' | 'nothing';
  #refs = 0;

  private constructor(subscriber: Subscriber, options: MemberOptions) {
    this.#options = options;
    this.subscriber = subscriber;
    this.answer = options.answer ?? (() => 'ack');
    const { recorder, name, topic } = options;
    const connection = recorder.nextConnection();
    this.#connection = connection;
    subscriber.keep = false;
    subscriber.onMessage = (frame) => this.#message(frame);
    subscriber.onControl = (frame) => {
      if (frame.type !== 'acked') this.told.push(frame);
      else recorder.add({ type: 'confirmed', connection, ref: String(frame.ref) });
    };
    subscriber.socket.once('close', (code) => {
      recorder.add({ type: 'ended', connection, clean: code === 1000 });
    });
    recorder.add({ type: 'opened', connection, subscription: name, topics: [topic] });
  }

  /** Resolves once it is subscribed. */
  static async open(options: MemberOptions): Promise<GroupMember> {
    const subscriber = await Subscriber.open(options.node.wsUrl, options.format ?? 'json');
    const member = new GroupMember(subscriber, options);
    const answer = await member.subscribe();
    if (answer.type !== 'subscribed') throw new Error(JSON.stringify(answer));
    return member;
  }

  subscribe(): Promise<Frame> {
    const { topic, name, settings } = this.#options;
    const own = { subscription: name, start: { from: 'earliest' } };
    return this.subscriber.subscribe(topic, { ...own, ...settings });
  }

  say(verdict: 'ack' | 'nack', sequence: number): void {
    if (this.subscriber.socket.readyState !== 1) return;
    const { topic, recorder } = this.#options;
    const connection = this.#connection;
    const ref = `${verdict} ${connection}.${++this.#refs}`;
    recorder.add({ type: 'said', connection, verdict, topic, sequence, cumulative: false, ref });
    const delay = verdict === 'nack' ? { delay_ms: 20 } : {};
    this.subscriber.send({ type: verdict, topic, sequence, ref, ...delay });
  }

  /** To be called when its node is out of reach of others, and when it is not any more. */
  unreached(): void {
    this.#options.recorder.add({ type: 'unreached', connection: this.#connection });
  }

  /** `abrupt`: without a close frame. */
  end(how: 'clean' | 'abrupt'): void {
    this.#options.recorder.add({ type: 'ending', connection: this.#connection });
    if (how === 'clean') this.subscriber.close();
    else this.subscriber.socket.terminate();
  }

  #message(frame: Frame): void {
    const { recorder, topic } = this.#options;
    const sequence = Number(frame.sequence);
    const attempt = Number(frame.attempt);
    const messageId = String(frame.message_id);
    const mark = String((frame.payload as { n: unknown }).n);
    const connection = this.#connection;
    this.got.push({ sequence, attempt });
    recorder.add({ type: 'delivered', connection, topic, sequence, messageId, mark, attempt });
    const verdict = this.answer(frame);
    // It works at it: who is idle is given everything.
    if (verdict !== 'nothing') setTimeout(() => this.say(verdict, sequence), WORK_MS);
  }
}
