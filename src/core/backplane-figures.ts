/**
 * What the backplane of a worker says of itself: its state, what went out and came in, what was dropped and
 * why.
 */

/**
 * connecting: never there since the start. up: what is published elsewhere comes at once. away: by
 * forwarding where there is a secret, else from the log. forwarding: there is no Redis, nodes tell each
 * other.
 */
export type BackplaneState = 'connecting' | 'up' | 'away' | 'forwarding' | 'closed';

/** From the best. */
export const BACKPLANE_STATES: readonly BackplaneState[] = [
  'up',
  'forwarding',
  'connecting',
  'away',
  'closed',
];

/**
 * Why an envelope that came was dropped; what it told of is read from the log. By what clients read of
 * each.
 */
export const ENVELOPE_FAULTS = {
  oversized: 'Larger than any node sends.',
  garbage: 'Cannot be read.',
  version: 'Of another version of the envelope.',
  mac: 'Not signed with this INTERNAL_SECRET.',
  cluster: 'Of another CLUSTER_NAME.',
  epoch: 'Of another incarnation of the log.',
  farAhead: 'Far beyond the head that is known here.',
  stale: 'All of it was here already.',
} as const;
export type EnvelopeFault = keyof typeof ENVELOPE_FAULTS;

export const BACKPLANE_COUNTERS = {
  published: 'Envelopes that Redis took.',
  received: 'Envelopes of other nodes that were taken in, or told where to read.',
  unheard: 'Commits that no other node listens for: nothing was sent.',
  unsentAway: 'Envelopes that were dropped since Redis was away.',
  unsentFull: 'Envelopes that were dropped at BACKPLANE_QUEUE_BYTES_MAX.',
  forwarded: 'Envelopes that another node took by POST /internal/forward, counted for each node.',
  unforwarded: 'The same that were dropped: it did not take them, or too much was on its way.',
  linkResets:
    'Links to workers of other nodes that began anew: something was lost, or cannot be read.',
  errors: 'Connections to Redis that broke or could not be opened, and refused commands.',
} as const;
export type BackplaneCounts = Record<keyof typeof BACKPLANE_COUNTERS, number>;

export interface BackplaneFigures extends BackplaneCounts {
  state: BackplaneState;
  /** On their way to Redis and to other nodes. */
  queueBytes: number;
  /** Topics of other nodes that are listened to. */
  channels: number;
  dropped: Record<EnvelopeFault, number>;
}
