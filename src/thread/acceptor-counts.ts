/** The memory in which the acceptors of a node count together what each holds: core/acceptor-figures.ts. */
import {
  ACCEPTOR_FIGURES,
  type AcceptorFigure,
  type AcceptorFigures,
} from '../core/acceptor-figures.js';
import { eachMember } from '../core/each-member.js';
import { SharedCount } from '../core/shared-count.js';

export type AcceptorCountsMemory = Readonly<Record<AcceptorFigure, SharedArrayBuffer>>;
export type AcceptorCounts = Readonly<Record<AcceptorFigure, SharedCount>>;

export function acceptorCountsMemory(acceptors: number): AcceptorCountsMemory {
  return eachMember(ACCEPTOR_FIGURES, () => SharedCount.memory(acceptors));
}

/** `index`: of the acceptor. It begins with nothing, whatever its predecessor had. */
export function acceptorCounts(memory: AcceptorCountsMemory, index: number): AcceptorCounts {
  return eachMember(ACCEPTOR_FIGURES, (name) => new SharedCount(memory[name], index));
}

/** The same, for whoever counts nothing itself. */
export function figuresIn(memory: AcceptorCountsMemory): AcceptorFigures {
  return eachMember(ACCEPTOR_FIGURES, (name) => SharedCount.totalOf(memory[name]));
}

/** Of the whole node. */
export function acceptorFigures(counts: AcceptorCounts): AcceptorFigures {
  return eachMember(ACCEPTOR_FIGURES, (name) => counts[name].total);
}
