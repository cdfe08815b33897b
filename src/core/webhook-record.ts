/**
 * A webhook: the HTTP endpoint that is the session of one durable subscription. As nodes have it, secrets
 * included, which are in no text that leaves the process but the answer that makes them.
 */
import type { Tenant } from './topic-key.js';

export interface WebhookPlace {
  readonly tenant: Tenant;
  readonly topic: string;
  /** Of the durable subscription. */
  readonly name: string;
}

export interface WebhookSecret {
  /** Of the HMAC, base64. */
  readonly key: string;
  /** Unix ms until which it is signed with; null: it is the one in force. */
  readonly untilMs: number | null;
}

export type WebhookOrdering = 'none' | 'key' | 'topic';

/** What the body of a request is: the payload, or a CloudEvent that has it. */
export type WebhookFormat = 'payload' | 'cloudevents';

/** Where its subscription begins when it is made, as a SUBSCRIBE says it. */
export type WebhookStart =
  | { readonly from: 'latest' | 'earliest' }
  | { readonly from: 'sequence'; readonly sequence: number; readonly epoch: string | null }
  | { readonly from: 'time'; readonly timeMs: number };

export interface WebhookSettings {
  /** http or https, without user and fragment. */
  readonly url: string;
  /** Requests under way at once. */
  readonly concurrency: number;
  readonly timeoutMs: number;
  readonly format: WebhookFormat;
  /** Of a subscription that is made, as the three below. */
  readonly ackWaitMs: number;
  /** Null: MAX_DELIVER. */
  readonly maxDeliver: number | null;
  readonly ordering: WebhookOrdering;
  readonly start: WebhookStart;
}

export type DisabledReason = 'gone';

export interface WebhookRecord extends WebhookPlace, WebhookSettings {
  /** Another one with each PUT. */
  readonly version: string;
  /** The one in force first. */
  readonly secrets: readonly WebhookSecret[];
  /** Null: messages are sent. */
  readonly disabled: { readonly reason: DisabledReason; readonly atMs: number } | null;
  /** Unix ms. */
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/** What is other than whoever sends was told before. */
export interface WebhookChanges {
  readonly put: readonly WebhookRecord[];
  /** Their keys. */
  readonly gone: readonly string[];
}

/** Names have no spaces. */
export function webhookKey({ tenant, topic, name }: WebhookPlace): string {
  return `${tenant} ${topic} ${name}`;
}
