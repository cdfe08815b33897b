/** The way of a node to the others, all its workers together, as clients see it. */
import {
  BACKPLANE_COUNTERS,
  BACKPLANE_STATES,
  type BackplaneFigures,
  ENVELOPE_FAULTS,
} from '../../core/backplane-figures.js';
import { eachMember } from '../../core/each-member.js';
import type { WorkerHealth } from '../../core/worker-figures.js';
import type { View } from '../schemas/kinds.js';
import type { BACKPLANE } from '../schemas/system.js';
import { snakeMembers } from '../snake-case.js';

export type BackplaneView = View<typeof BACKPLANE>;

/** Null: it has none. */
export function backplaneView(workers: readonly WorkerHealth[]): BackplaneView | null {
  const all = workers.flatMap(({ backplane }) => (backplane === null ? [] : [backplane]));
  if (all.length === 0) return null;
  const sum = (of: (one: BackplaneFigures) => number): number =>
    all.reduce((total, one) => total + of(one), 0);
  const worst = Math.max(...all.map(({ state }) => BACKPLANE_STATES.indexOf(state)));
  return {
    state: BACKPLANE_STATES[worst] ?? 'closed',
    ...snakeMembers(eachMember(BACKPLANE_COUNTERS, (name) => sum((one) => one[name]))),
    queue_bytes: sum(({ queueBytes }) => queueBytes),
    channels: sum(({ channels }) => channels),
    dropped: snakeMembers(eachMember(ENVELOPE_FAULTS, (fault) => sum((one) => one.dropped[fault]))),
  };
}
