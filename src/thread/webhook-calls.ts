/**
 * What acceptors ask of the webhooks that the main thread keeps: one row a method. Secrets travel to
 * acceptors with the webhooks that they send for, and in the answer to whoever made one.
 */
import type {
  DisabledReason,
  WebhookPlace,
  WebhookRecord,
  WebhookSettings,
} from '../core/webhook-record.js';
import type { AskOf } from './call-port.js';

interface Put {
  place: WebhookPlace;
  settings: WebhookSettings;
  /** In base64; keep: the one that is there, or a new one where none is; new: one is made. */
  secret: { key: string } | 'keep' | 'new';
  overlapMs: number;
}

/** Of a session that knew it in this version. */
interface Known {
  place: WebhookPlace;
  version: string;
}

export interface WebhookTypes {
  'webhooks.get': { args: { place: WebhookPlace }; result: { record: WebhookRecord | null } };
  /** `newKey`: in base64, told this once. Rejects `webhook_limit`. */
  'webhooks.put': { args: Put; result: { record: WebhookRecord; newKey: string | null } };
  'webhooks.remove': { args: { place: WebhookPlace }; result: { removed: boolean } };
  'webhooks.topic-gone': {
    args: { topic: Omit<WebhookPlace, 'name'> };
    result: Record<string, never>;
  };
  /** Its subscription, or its topic, was deleted. */
  'webhooks.gone': { args: Known; result: Record<string, never> };
  /** `disabled` false: it is another one by now. */
  'webhooks.disable': {
    args: Known & { reason: DisabledReason };
    result: { disabled: boolean };
  };
}

export type WebhookCall = keyof WebhookTypes;
export type WebhookArgs<M extends WebhookCall> = WebhookTypes[M]['args'];
export type WebhookResult<M extends WebhookCall> = WebhookTypes[M]['result'];
export type WebhookAsk = AskOf<WebhookTypes>;
