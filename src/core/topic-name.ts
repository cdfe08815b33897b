/**
 * The grammar of names: `^[A-Za-z0-9_:-]+(\.[A-Za-z0-9_:-]+)*$`, for topics and subscriptions alike.
 * All of it is ASCII, so characters are bytes, and no name needs escaping in JSON, SQL text or logs.
 */
import { RequestError } from './errors.js';
import { quoteShort } from './quote.js';

const DOT = 0x2e;

/** 1: may stand in a name. The dot is not among them: it has rules of its own. */
const NAME_BYTES = new Uint8Array(128);
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_:-') {
  NAME_BYTES[char.charCodeAt(0)] = 1;
}

export interface TopicNameLimits {
  readonly topicNameBytesMax: number;
}

/** In words, for errors: of whatever has such a name. */
export function nameRule(bytesMax: number): string {
  return `must be 1 to ${bytesMax} (TOPIC_NAME_BYTES_MAX) of A-Z a-z 0-9 _ : - and single dots`;
}

/** Whether `name` is 1 to `bytesMax` characters of the grammar. */
export function isName(name: string, bytesMax: number): boolean {
  if (name.length === 0 || name.length > bytesMax) return false;
  let dotAllowed = false;
  for (let at = 0; at < name.length; at++) {
    const unit = name.charCodeAt(at);
    if (unit === DOT) {
      if (!dotAllowed) return false;
      dotAllowed = false;
    } else {
      if (NAME_BYTES[unit] !== 1) return false;
      dotAllowed = true;
    }
  }
  return dotAllowed;
}

/** The same for the bytes `[from, to)`: names that are still in the body they came in. */
export function isNameBytes(bytes: Uint8Array, from: number, to: number): boolean {
  let dotAllowed = false;
  for (let at = from; at < to; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === DOT) {
      if (!dotAllowed) return false;
      dotAllowed = false;
    } else {
      if (NAME_BYTES[byte] !== 1) return false;
      dotAllowed = true;
    }
  }
  return dotAllowed;
}

/**
 * Passes a valid topic name. Throws RequestError with field `topic`: topic_required for nothing or
 * only spaces, topic_too_long, topic_chars. The detail shows no more than the start of the name.
 */
export function checkTopicName(name: string, limits: TopicNameLimits): void {
  if (isName(name, limits.topicNameBytesMax)) return;
  if (name.length <= limits.topicNameBytesMax && name.trim() === '') {
    throw new RequestError('topic_required', 'topic is empty', 'topic');
  }
  if (name.length > limits.topicNameBytesMax) {
    const detail = `topic is longer than ${limits.topicNameBytesMax} bytes (TOPIC_NAME_BYTES_MAX)`;
    throw new RequestError('topic_too_long', detail, 'topic');
  }
  const detail = `topic ${quoteShort(name)} has characters outside A-Z a-z 0-9 _ : - or a misplaced dot`;
  throw new RequestError('topic_chars', detail, 'topic');
}
