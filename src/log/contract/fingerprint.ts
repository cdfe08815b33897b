/**
 * What tells a repeated publish from another message under the same dedupe key. Every path into a
 * log (append, outbox, memory) uses this one function: a key may come by HTTP first and by SQL
 * next.
 */
import { createHash } from 'node:crypto';
import type { Publication } from '../../core/message.js';
import { withoutContext } from '../../core/trace-context.js';

export const FINGERPRINT_BYTES = 16;

type Fingerprinted = Pick<Publication, 'contentType' | 'payload' | 'key' | 'headers'>;

/**
 * 16 bytes of SHA-256 over content type, key, headers and payload; each length is part of it. Headers of a
 * trace are none of it: a retry is another part of the trace. conduit.fingerprint makes the same, but of all
 * headers; where the two differ the messages are compared by value.
 */
export function fingerprint(publication: Fingerprinted): Buffer {
  const { contentType, payload, key } = publication;
  const headers = withoutContext(publication.headers);
  const hash = createHash('sha256');
  hash.update(`${contentType} ${lengthOf(key)} ${lengthOf(headers)}\n`);
  if (key !== null) hash.update(key);
  if (headers !== null) hash.update(headers);
  return hash.update(payload).digest().subarray(0, FINGERPRINT_BYTES);
}

function lengthOf(text: string | null): number {
  return text === null ? -1 : Buffer.byteLength(text);
}
