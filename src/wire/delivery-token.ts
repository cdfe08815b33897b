/** What an HTTP consumer names a delivery by, opaque to it: its place, its attempt, and of which log. */
import { isEpoch } from '../core/epoch.js';
import type { DeliveryToken } from '../core/handed-out.js';

const TOKEN = /^([1-9]\d{0,15})\.([1-9]\d{0,8})\.([0-9a-z]+)$/;

export function formatToken({ sequence, attempt, epoch }: DeliveryToken): string {
  return `${sequence}.${attempt}.${epoch}`;
}

/** Null: a pull gives none like it. */
export function parseToken(text: string): DeliveryToken | null {
  const [, sequence, attempt, epoch = ''] = TOKEN.exec(text) ?? [];
  const token = { sequence: Number(sequence), attempt: Number(attempt), epoch };
  return isEpoch(epoch) && Number.isSafeInteger(token.sequence) ? token : null;
}
