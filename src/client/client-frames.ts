/** Frames that the client sends, as they are written; docs/protocol.md says what they mean. */

/** Where a subscription begins. */
export type StartAt =
  | 'latest'
  | 'earliest'
  | { sequence: number; epoch?: string | undefined }
  | { time: Date | string };

export interface SubscribingFrame {
  type: 'subscribe';
  ref: number;
  topic: string;
  subscription?: string | undefined;
  ack: 'explicit';
  max_in_flight: number;
  start?: object | undefined;
  ack_wait_ms?: number | undefined;
  max_deliver?: number | undefined;
  ordering?: 'none' | 'key' | 'topic' | undefined;
  exclusive?: true | undefined;
}

export interface PublishingFrame {
  type: 'publish';
  ref: number;
  topic: string;
  payload: unknown;
  key?: string | undefined;
  headers?: Record<string, string> | undefined;
  dedupe_key: string;
  ttl_ms?: number | undefined;
  delay_ms?: number | undefined;
  deliver_at?: string | undefined;
}

/** A delivery, as verdicts name it. */
interface Delivered {
  topic: string;
  sequence: number;
  subscription?: string | undefined;
}

export type VerdictFrame =
  | (Delivered & { type: 'ack'; cumulative?: true | undefined })
  | (Delivered & { type: 'nack'; delay_ms?: number | undefined; reason?: string | undefined })
  | (Delivered & { type: 'extend'; ms?: number | undefined })
  | (Delivered & { type: 'reject'; reason?: string | undefined });

export function startMember(start: StartAt): object {
  if (typeof start === 'string') return { from: start };
  if ('sequence' in start) return { from: 'sequence', ...start };
  const { time } = start;
  return { from: 'time', time: typeof time === 'string' ? time : time.toISOString() };
}
