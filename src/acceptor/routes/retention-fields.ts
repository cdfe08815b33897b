/** `retention: {hours?, messages?, bytes?}` of a request, checked. */
import { RequestError } from '../../core/errors.js';
import type { Limits } from '../../core/limits.js';

export interface RetentionFields {
  hours: number | null;
  messages: number | null;
  bytes: number | null;
}

const NAMES = ['hours', 'messages', 'bytes'] as const;

/** null: the field was left out, or null. Throws invalid_field. */
export function readRetention(value: unknown, limits: Limits): RetentionFields | null {
  if (value === undefined || value === null) return null;
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw new RequestError(
      'invalid_field',
      'must be an object {hours?, messages?, bytes?}',
      'retention',
    );
  }
  const fields = value as Record<string, unknown>;
  const unknown = Object.keys(fields).find((name) => !NAMES.some((known) => known === name));
  if (unknown !== undefined) {
    const detail = 'retention takes hours, messages and bytes only';
    throw new RequestError('invalid_field', detail, `retention.${unknown.slice(0, 60)}`);
  }
  const max = { hours: limits.retentionHours, messages: 2 ** 53 - 1, bytes: 2 ** 53 - 1 };
  const read = (name: (typeof NAMES)[number]): number | null => {
    const field = fields[name];
    if (field === undefined || field === null) return null;
    if (Number.isSafeInteger(field) && Number(field) >= 1 && Number(field) <= max[name]) {
      return Number(field);
    }
    const detail = `must be an integer from 1 to ${max[name]}`;
    throw new RequestError('invalid_field', detail, `retention.${name}`);
  };
  return { hours: read('hours'), messages: read('messages'), bytes: read('bytes') };
}
