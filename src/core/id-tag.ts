/**
 * The 12 bits of a message id that tell its topic's subscriptions apart: rand_a of the UUIDv7 carries
 * CRC32(topic id) mod 4096, so an ack that names only a message_id finds its subscription.
 */
import { crc32 } from 'node:zlib';

/** 0 to 4095. */
export function idTag(topicId: number): number {
  return crc32(String(topicId)) % 4096;
}

/** The tag a message id carries: the low 12 bits of its bytes 6 and 7. */
export function idTagOf(messageId: Uint8Array): number {
  return (((messageId[6] ?? 0) & 0x0f) << 8) | (messageId[7] ?? 0);
}
