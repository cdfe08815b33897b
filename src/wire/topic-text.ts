/**
 * Topic and subscription names out of the bytes of a body. Owns a cache of them per
 * thread: a publisher names the same few topics over and over, and a name that is known needs no
 * grammar check. It holds valid names only.
 */
import { RequestError } from '../core/errors.js';
import type { Limits } from '../core/limits.js';
import { NameCache } from '../core/name-cache.js';
import { checkTopicName, isName, isNameBytes, nameRule } from '../core/topic-name.js';
import { FIELD, type Fields, has, invalidField, textField } from './fields.js';

const names = new NameCache();

/** The name that `[from, to)` spells; null: not one, or longer than `bytesMax`. */
function nameAt(bytes: Buffer, from: number, to: number, bytesMax: number): string | null {
  if (to - from > bytesMax || to <= from) return null;
  const cached = names.find(bytes, from, to);
  if (cached !== null) return cached;
  return isNameBytes(bytes, from, to) ? names.read(bytes, from, to) : null;
}

/** Throws RequestError topic_required (absent, null, blank), topic_type, topic_too_long, topic_chars. */
export function topicField(fields: Fields, limits: Limits): string {
  const { bytes, reader, spans } = fields;
  const from = spans.start(FIELD.topic);
  if (from < 0 || reader.isNull(bytes, from)) {
    throw new RequestError('topic_required', 'topic is missing', 'topic');
  }
  const to = spans.end(FIELD.topic);
  const start = reader.textStart(bytes, from);
  if (start < 0) throw new RequestError('topic_type', 'topic must be a string', 'topic');
  const name = nameAt(bytes, start, to - reader.textTail, limits.topicNameBytesMax);
  if (name !== null) return name;
  // Not a name as it stands: it is written with escapes, or it is not valid.
  const text = reader.text(bytes, from, to) ?? '';
  checkTopicName(text, limits);
  return text;
}

/** Null: absent. Throws RequestError invalid_field. */
export function subscriptionField(fields: Fields, limits: Limits): string | null {
  if (!has(fields, FIELD.subscription)) return null;
  const { bytes, reader, spans } = fields;
  const from = spans.start(FIELD.subscription);
  const to = spans.end(FIELD.subscription);
  const start = reader.textStart(bytes, from);
  const bytesMax = limits.topicNameBytesMax;
  const name = start < 0 ? null : nameAt(bytes, start, to - reader.textTail, bytesMax);
  if (name !== null) return name;
  const text = textField(fields, FIELD.subscription) ?? '';
  if (isName(text, bytesMax)) return text;
  const detail = `subscription ${nameRule(bytesMax)}`;
  throw invalidField('subscription', detail);
}
