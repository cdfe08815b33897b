/**
 * What one node forwards to another in a request: messages on channels, packed, and who sends them.
 *
 *   u8 version, u8 bytes of the cluster, u8 of the boot id, cluster, boot id; then of each message:
 *   u16 bytes of its channel, u32 of the message, channel, message
 *
 * and what one node asks another in a request of its own: the same head, and JSON.
 */
import { ENVELOPE_BYTES_MAX } from './envelopes.js';
import type { Outgoing } from './redis-session.js';

export const FORWARD_VERSION = 1;
/** In the place of FORWARD_VERSION: a question. A node of the version before refuses it. */
export const QUESTION_VERSION = 2;
export const FORWARD_PATH = '/internal/forward';
/** As Node.js has the names of headers. */
export const SECRET_HEADER = 'x-internal-secret';
/** Of one request, beside its largest message. */
export const GATHERED_BYTES_MAX = ENVELOPE_BYTES_MAX;
/** A body that is larger was not made by a node. */
export const FORWARD_BYTES_MAX = 2 * ENVELOPE_BYTES_MAX + 64 * 1024;
export const FORWARDED_MAX = 4_096;

const HEAD_BYTES = 3;
const MESSAGE_HEAD_BYTES = 6;

export interface ForwardSender {
  cluster: string;
  /** Of the node's life. */
  bootId: string;
}

export interface Forward extends ForwardSender {
  messages: readonly Outgoing[];
}

export function packForward({ cluster, bootId, messages }: Forward): Buffer {
  const [name, boot] = [Buffer.from(cluster), Buffer.from(bootId)];
  const parts: Buffer[] = [Buffer.from([FORWARD_VERSION, name.length, boot.length]), name, boot];
  for (const { channel, message } of messages) {
    const place = Buffer.from(channel);
    const head = Buffer.alloc(MESSAGE_HEAD_BYTES);
    head.writeUInt16BE(place.length, 0);
    head.writeUInt32BE(message.length, 2);
    parts.push(head, place, message);
  }
  return Buffer.concat(parts);
}

/** Messages are views of the body. */
export function readForward(body: Uint8Array): Forward | 'version' | 'garbage' {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const head = readHead(bytes, FORWARD_VERSION);
  if (typeof head === 'string') return head;
  const { cluster, bootId } = head;
  let { at } = head;
  const messages: Outgoing[] = [];
  while (at < bytes.length) {
    if (messages.length === FORWARDED_MAX || at + MESSAGE_HEAD_BYTES > bytes.length) {
      return 'garbage';
    }
    const channelAt = at + MESSAGE_HEAD_BYTES;
    const messageAt = channelAt + bytes.readUInt16BE(at);
    const end = messageAt + bytes.readUInt32BE(at + 2);
    if (end > bytes.length) return 'garbage';
    const channel = bytes.toString('utf8', channelAt, messageAt);
    messages.push({ channel, message: bytes.subarray(messageAt, end) });
    at = end;
  }
  return { cluster, bootId, messages };
}

/** What one node asks another; JSON behind the same head. */
export interface NodeQuestion extends ForwardSender {
  /** Of its sender, who may be of another version. */
  question: unknown;
}

export function packQuestion({ cluster, bootId, question }: NodeQuestion): Buffer {
  const [name, boot] = [Buffer.from(cluster), Buffer.from(bootId)];
  const head = Buffer.from([QUESTION_VERSION, name.length, boot.length]);
  return Buffer.concat([head, name, boot, Buffer.from(JSON.stringify(question))]);
}

export function isQuestion(body: Uint8Array): boolean {
  return body[0] === QUESTION_VERSION;
}

export function readQuestion(body: Uint8Array): NodeQuestion | 'version' | 'garbage' {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const head = readHead(bytes, QUESTION_VERSION);
  if (typeof head === 'string') return head;
  const { cluster, bootId, at } = head;
  try {
    return { cluster, bootId, question: JSON.parse(bytes.toString('utf8', at)) };
  } catch {
    return 'garbage';
  }
}

interface Head extends ForwardSender {
  /** Where the rest begins. */
  at: number;
}

function readHead(bytes: Buffer, version: number): Head | 'version' | 'garbage' {
  if (bytes.length < HEAD_BYTES) return 'garbage';
  if (bytes[0] !== version) return 'version';
  const bootAt = HEAD_BYTES + bytes.readUInt8(1);
  const at = bootAt + bytes.readUInt8(2);
  if (at > bytes.length) return 'garbage';
  const cluster = bytes.toString('utf8', HEAD_BYTES, bootAt);
  return { cluster, bootId: bytes.toString('latin1', bootAt, at), at };
}
