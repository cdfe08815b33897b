/** The subprotocols of WebSockets: which is taken of those that are offered, and what it says of frames. */
import type { FrameForm } from '../../wire/event-of-message.js';
import {
  KIND_JSON,
  KIND_MSGPACK,
  KIND_SINGLE,
  type ReceiverKind,
} from '../delivery/receiver-kind.js';
import { TOKEN_PROTOCOL } from '../http/gate.js';

/** One CloudEvent a message; what the client sends are frames, one a message. */
const EVENT_PROTOCOL = 'cloudevents.json';

const KINDS: Readonly<Record<string, ReceiverKind>> = {
  'conduit.json.v1': KIND_JSON,
  'conduit.msgpack.v1': KIND_MSGPACK,
  [EVENT_PROTOCOL]: KIND_SINGLE,
};
const HEADER_BYTES_MAX = 4_096;

/** For whoever offered others. */
export const TAKEN_PROTOCOLS = `subprotocols: ${Object.keys(KINDS).join(', ')}, or none`;

/** `protocol`: one that was chosen. */
export function formOf(protocol: string): FrameForm {
  return protocol === EVENT_PROTOCOL ? 'event' : 'message';
}

/**
 * '' for one frame a message; null when only unknown subprotocols were offered. A token that is offered is
 * never the one that is taken, since that is said in the answer.
 */
export function chooseProtocol(header: string): string | null {
  if (header === '') return '';
  if (header.length > HEADER_BYTES_MAX) return null;
  const offered = header.split(',').map((name) => name.trim());
  const known = offered.find((name) => Object.hasOwn(KINDS, name));
  if (known !== undefined) return known;
  return offered.every((name) => name.startsWith(TOKEN_PROTOCOL)) ? '' : null;
}

/** `protocol`: one that was chosen. */
export function kindOf(protocol: string): ReceiverKind {
  return KINDS[protocol] ?? KIND_SINGLE;
}
