/** What fails on the way to other nodes, in words for the operator: by its kind, its cause in one line. */
import type { EnvelopeFault } from '../core/backplane-figures.js';
import type { Peer } from '../core/peer.js';
import type { Trouble } from '../observe/outages.js';

/** Over when a worker's backplane is up. */
export const REDIS_AWAY = 'Redis cannot be reached';

/** Over when one of them takes something again. */
export const PEER_AWAY = 'another node takes nothing by POST /internal/forward';

const DROPPED: Readonly<Record<EnvelopeFault, string>> = {
  oversized: 'it is larger than any node sends',
  garbage: 'it cannot be read',
  version: 'it is of another version',
  mac: 'it is not signed with the INTERNAL_SECRET of this node',
  cluster: 'it is of another CLUSTER_NAME',
  epoch: 'it is of another incarnation of the log',
  farAhead: 'it is far beyond what the log is known to have',
  stale: 'it was here already',
};

export function troubleOfRedis(error: Error): Trouble {
  const code = 'code' in error ? ` (${String(error.code)})` : '';
  const [words = ''] = error.message.split('\n', 1);
  return { kind: REDIS_AWAY, line: REDIS_AWAY, cause: `${words}${code}`, stack: null };
}

export function troubleOfEnvelope(fault: EnvelopeFault): Trouble {
  const line = `what came as of another node was dropped: ${DROPPED[fault]}`;
  return { kind: line, line, cause: `${fault}; the log is read instead`, stack: null };
}

export function troubleOfPeer({ id }: Peer, error: Error): Trouble {
  const [words = ''] = error.message.split('\n', 1);
  return { kind: PEER_AWAY, line: PEER_AWAY, cause: `${id}: ${words}`, stack: null };
}
