/** JSON frames whose payloads stay as they came, byte for byte: see JsonText. */
import { type Codec, json } from '../../client/codec.js';
import { JsonText } from '../terminal/printable.js';
import { isRow } from '../terminal/table.js';
import { memberText } from './json-items.js';

/** Between the frames of one message (RFC 7464). */
const SEPARATOR = '\x1e';

export const rawCodec: Codec = {
  ...json,
  decode: (message) => {
    if (typeof message !== 'string') return json.decode(message);
    return message.split(SEPARATOR).map((text): unknown => {
      const frame: unknown = JSON.parse(text);
      if (!isRow(frame) || !('payload' in frame)) return frame;
      return { ...frame, payload: new JsonText(memberText(text, 'payload') ?? 'null') };
    });
  },
};
