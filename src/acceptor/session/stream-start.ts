/**
 * Where a stream of server-sent events begins. A browser sets no headers: on the first connect the URL
 * says it, and from then on Last-Event-ID, which EventSource sends by itself to the same URL, wins.
 */
import { isEpoch } from '../../core/epoch.js';
import { RequestError } from '../../core/errors.js';
import type { SubscribeOptions } from '../../thread/ops/subscribe.js';
import type { Query } from '../http/query.js';

export const STREAM_PARAMETERS = ['from', 'sequence', 'epoch'] as const;

const SEQUENCE_MAX = Number.MAX_SAFE_INTEGER;
/** `<epoch>:<sequence>` of the last event that came. */
const POSITION = /^([0-9a-z]{1,32}):(\d{1,16})$/;

export interface StreamStart {
  start: SubscribeOptions['start'];
  /**
   * fresh: nothing was seen before; resumed: it goes on where it was; unknown: it goes on, but its
   * Last-Event-ID is none of ours.
   */
  kind: 'fresh' | 'resumed' | 'unknown';
}

/** Throws RequestError that names the parameter; what the header says is no reason to refuse. */
export function streamStart(query: Query, lastEventId: string): StreamStart {
  const asked = askedStart(query);
  if (lastEventId === '') return { start: asked, kind: 'fresh' };
  const [, epoch, digits] = POSITION.exec(lastEventId) ?? [];
  const sequence = Number(digits ?? Number.NaN);
  if (epoch === undefined || !(sequence < SEQUENCE_MAX)) {
    return { start: { from: 'latest' }, kind: 'unknown' };
  }
  return { start: { from: 'sequence', sequence: sequence + 1, epoch }, kind: 'resumed' };
}

function askedStart(query: Query): SubscribeOptions['start'] {
  const from = query.oneOf('from', ['latest', 'earliest'], 'latest');
  const sequence = query.integer('sequence', 0, SEQUENCE_MAX);
  const epoch = query.text('epoch');
  if (epoch !== null && (sequence === null || !isEpoch(epoch))) {
    throw new RequestError('invalid_query', 'goes with a sequence: 1 to 32 of [0-9a-z]', 'epoch');
  }
  if (sequence === null) return { from };
  if (query.text('from') === null) return { from: 'sequence', sequence, epoch };
  throw new RequestError('invalid_query', 'not together with from', 'sequence');
}
