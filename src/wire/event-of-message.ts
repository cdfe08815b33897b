/**
 * Messages as CloudEvents 1.0 in the JSON format, made of their `message` frames; and any other frame as one.
 * Attributes are the headers `ce-<name>`; what has none has those of its place. The payload goes in as it is.
 */

import { LIMITS } from '../core/limits.js';
import { formatUuid, makeUuidV7 } from '../core/uuid.js';
import { ATTRIBUTE } from './cloud-event.js';
import { scanValue } from './json-scan.js';
import type { ServerFrame } from './server-frame-types.js';

/** Of frames that hold messages: as they are, or CloudEvents. */
export type FrameForm = 'message' | 'event';

/** What a frame has beside its payload. */
interface Told {
  message_id: string;
  topic: string;
  published_at: string;
  sequence: number;
  attempt: number;
  subscription?: string;
  key?: string;
  headers?: Record<string, string>;
}

const PAYLOAD = Buffer.from('","payload":');
const BINARY = /^\{"\$binary":"([A-Za-z0-9+/=]*)"\}$/;
const NAME = /^[a-z0-9]{1,20}$/;
const DEPTH = LIMITS.depthMax.max;

/** JSON text of one event. `frame`: one `message` frame in JSON. */
export function eventOfMessage(frame: Uint8Array): string {
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.length);
  // A topic has no quote: the first is the frame's own.
  const from = bytes.indexOf(PAYLOAD) + PAYLOAD.length;
  const to = scanValue(bytes, from, bytes.length, DEPTH);
  const around = `${bytes.toString('utf8', 0, from)}null${bytes.toString('utf8', to)}`;
  const attributes = attributesOf(JSON.parse(around) as Told);
  const text = JSON.stringify(attributes).slice(0, -1);
  return `${text}${dataOf(bytes.toString('utf8', from, to), attributes)}}`;
}

/** A frame that is no message: its own type behind `conduit.`, itself the data. */
export function eventOfFrame(frame: ServerFrame): string {
  return eventOfFrameText(frame.type, JSON.stringify(frame));
}

/** `text`: of the frame, in JSON. */
export function eventOfFrameText(type: string, text: string): string {
  const id = formatUuid(makeUuidV7(Date.now(), 0));
  const head = { specversion: '1.0', id, source: '/ws', type: `conduit.${type}` };
  return `${JSON.stringify({ ...head, datacontenttype: 'application/json' }).slice(0, -1)},"data":${text}}`;
}

function attributesOf(told: Told): Record<string, string | number> {
  const { headers = {}, topic, key, subscription } = told;
  const attributes: Record<string, string | number> = {
    specversion: '1.0',
    id: told.message_id,
    source: `/api/topics/${topic}`,
    type: 'conduit.message',
  };
  const isEvent = headers[`${ATTRIBUTE}id`] !== undefined;
  if (!isEvent) {
    attributes['time'] = told.published_at;
    attributes['datacontenttype'] = 'application/json';
  }
  for (const [header, value] of Object.entries(headers)) {
    const isAttribute = header.startsWith(ATTRIBUTE);
    const name = isAttribute ? header.slice(ATTRIBUTE.length) : header;
    // A header that is no attribute may become an extension, and no more.
    const isTaken = !isAttribute && (RESERVED.has(name) || Object.hasOwn(attributes, name));
    if (NAME.test(name) && !isTaken && value !== '') attributes[name] = value;
  }
  if (key !== undefined) attributes['partitionkey'] = key;
  attributes['conduitid'] = told.message_id;
  attributes['conduittopic'] = topic;
  attributes['conduitsequence'] = String(told.sequence);
  attributes['conduitattempt'] = told.attempt;
  if (subscription !== undefined) attributes['conduitsubscription'] = subscription;
  return attributes;
}

/** What no header of a publisher stands for. */
const RESERVED = new Set([
  ...['data', 'subject', 'dataschema', 'time', 'datacontenttype', 'partitionkey'],
  ...['conduitid', 'conduittopic', 'conduitsequence', 'conduitattempt', 'conduitsubscription'],
]);

/** The member that has it; '': an event that has none. */
function dataOf(payload: string, attributes: Record<string, string | number>): string {
  const [, base64] = BINARY.exec(payload) ?? [];
  if (base64 !== undefined) return `,"data_base64":"${base64}"`;
  if (payload === 'null' && attributes['id'] !== attributes['conduitid']) return '';
  return `,"data":${payload}`;
}
