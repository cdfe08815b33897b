/** Secrets that webhooks are signed with: `whsec_` and base64, as Standard Webhooks 1.0.0 writes them. */
import { randomBytes } from 'node:crypto';
import type { WebhookSecret } from './webhook-record.js';

const PREFIX = 'whsec_';
const BYTES = 32;
/** What the standard takes. */
const BYTES_MIN = 24;
const BYTES_MAX = 64;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** The key in base64, which goes behind `whsec_`. */
export function makeWebhookKey(): string {
  return randomBytes(BYTES).toString('base64');
}

export function webhookSecretText(key: string): string {
  return `${PREFIX}${key}`;
}

/** Its key in base64; null: it is none of 24 to 64 bytes. */
export function webhookKeyOf(text: string): string | null {
  if (!text.startsWith(PREFIX)) return null;
  const coded = text.slice(PREFIX.length);
  if (!BASE64.test(coded) || coded.length % 4 !== 0) return null;
  const bytes = Buffer.from(coded, 'base64');
  const fits = bytes.length >= BYTES_MIN && bytes.length <= BYTES_MAX;
  return fits && bytes.toString('base64') === coded ? coded : null;
}

/** `key` in force, and what was so far until its time is over. */
export function rotated(
  before: readonly WebhookSecret[],
  key: string,
  { nowMs, overlapMs }: { nowMs: number; overlapMs: number },
): WebhookSecret[] {
  const [last] = before;
  if (last?.key === key) return inForce(before, nowMs);
  const old =
    last === undefined || overlapMs === 0 ? [] : [{ key: last.key, untilMs: nowMs + overlapMs }];
  return [{ key, untilMs: null }, ...old];
}

/** Those that are signed with now. */
export function inForce(secrets: readonly WebhookSecret[], nowMs: number): WebhookSecret[] {
  return secrets.filter(({ untilMs }) => untilMs === null || untilMs > nowMs);
}
