/**
 * The head of a request to a webhook: signed as Standard Webhooks 1.0.0 says, and what a message is beside
 * its payload. Pure.
 */
import { createHmac } from 'node:crypto';
import { contextIn } from '../../core/trace-context.js';
import type { WebhookFormat, WebhookRecord } from '../../core/webhook-record.js';
import { inForce } from '../../core/webhook-secret.js';
import type { HookMessage } from './hook-message.js';

const TYPES: Readonly<Record<WebhookFormat, string>> = {
  payload: 'application/json',
  cloudevents: 'application/cloudevents+json; charset=utf-8',
};
/** All that fields of HTTP do not take, and what JSON has of text beyond ASCII. */
const BEYOND_ASCII = /[\u007f-\uffff]/g;

export function signedHeaders(
  webhook: Pick<WebhookRecord, 'topic' | 'name' | 'secrets' | 'format'>,
  message: HookMessage,
  nowMs: number,
): Record<string, string> {
  const { topic, name, secrets, format } = webhook;
  const { messageId, sequence, attempt, key, headers, body, publishedAt } = message;
  const timestamp = String(Math.floor(nowMs / 1_000));
  const head = `${messageId}.${timestamp}.`;
  const signatures = inForce(secrets, nowMs).map((secret) => signature(secret.key, head, body));
  return {
    'content-type': TYPES[format],
    'user-agent': 'Conduit-Webhooks/1',
    'webhook-id': messageId,
    'webhook-timestamp': timestamp,
    'webhook-signature': signatures.join(' '),
    'conduit-topic': topic,
    'conduit-subscription': name,
    'conduit-sequence': String(sequence),
    'conduit-attempt': String(attempt),
    'conduit-published-at': publishedAt,
    ...(key === null ? {} : { 'conduit-key': encodeURIComponent(key) }),
    ...(headers === null ? {} : { 'conduit-headers': asciiJson(headers), ...traceOf(headers) }),
  };
}

/** The message's own trace, as whoever serves the request looks for it; what is none is not passed on. */
function traceOf(headers: Readonly<Record<string, string>>): Record<string, string> {
  const context = contextIn(headers);
  if (context === null) return {};
  const { traceparent, tracestate } = context;
  return tracestate === null ? { traceparent } : { traceparent, tracestate };
}

function signature(key: string, head: string, body: Uint8Array): string {
  const hmac = createHmac('sha256', Buffer.from(key, 'base64')).update(head).update(body);
  return `v1,${hmac.digest('base64')}`;
}

function asciiJson(value: object): string {
  return JSON.stringify(value).replace(
    BEYOND_ASCII,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
