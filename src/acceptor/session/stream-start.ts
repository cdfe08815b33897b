/**
 * Where a stream of server-sent events begins. A browser sets no headers: on the first connect the URL
 * says it, and from then on Last-Event-ID, which EventSource sends by itself to the same URL, wins.
 */
import { isEpoch } from '../../core/epoch.js';
import { RequestError } from '../../core/errors.js';
import { type StartParts, type StartPosition, startOf } from '../../wire/start.js';

const SEQUENCE_MAX = Number.MAX_SAFE_INTEGER;
/** `<epoch>:<sequence>` of the last event that came. */
const POSITION = /^([^:]+):(\d{1,16})$/;

export interface StreamStart {
  start: StartPosition;
  /**
   * fresh: nothing was seen before; resumed: it goes on where it was; unknown: it goes on, but its
   * Last-Event-ID is none of ours.
   */
  kind: 'fresh' | 'resumed' | 'unknown';
}

/** Throws RequestError that names the parameter; what the header says is no reason to refuse. */
export function streamStart(parts: StartParts, lastEventId: string): StreamStart {
  const asked = askedStart(parts);
  if (lastEventId === '') return { start: asked, kind: 'fresh' };
  const [, epoch = '', digits] = POSITION.exec(lastEventId) ?? [];
  const sequence = Number(digits ?? Number.NaN);
  if (!isEpoch(epoch) || !(sequence < SEQUENCE_MAX)) {
    return { start: { from: 'latest' }, kind: 'unknown' };
  }
  return { start: { from: 'sequence', sequence: sequence + 1, epoch }, kind: 'resumed' };
}

function askedStart(parts: StartParts): StartPosition {
  if (Object.values(parts).every((part) => part === null)) return { from: 'latest' };
  return startOf(parts, (part, detail) => new RequestError('invalid_query', detail, part));
}
