/** Which nodes came and went, for whoever looks at this one. */
import type { Happened } from '../core/happening.js';
import type { Peer } from '../core/peer.js';

/** Nothing where nobody was known before: those were there when this node came. */
export function tellMoves(
  happened: Happened,
  before: readonly Peer[],
  living: readonly Peer[],
): void {
  if (before.length === 0) return;
  for (const name of beside(living, before)) {
    happened({ kind: 'node.joined', tenant: null, name });
  }
  for (const name of beside(before, living)) happened({ kind: 'node.left', tenant: null, name });
}

/** Another life of a node is another one. */
function beside(these: readonly Peer[], those: readonly Peer[]): string[] {
  const lives = new Set(those.map(({ bootId }) => bootId));
  return these.filter(({ bootId }) => !lives.has(bootId)).map(({ id }) => id);
}
