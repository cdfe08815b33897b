/**
 * What came to a worker as of other nodes and was dropped, by whichever way: counted by why. What is none of
 * a node's own ways is told, too: whoever reports it tells it once in a while.
 */
import { ENVELOPE_FAULTS, type EnvelopeFault } from '../core/backplane-figures.js';
import { eachMember } from '../core/each-member.js';

export class DroppedMail {
  readonly #counts = eachMember(ENVELOPE_FAULTS, () => 0);
  readonly #tell: (fault: EnvelopeFault) => void;

  constructor(tell: (fault: EnvelopeFault) => void) {
    this.#tell = tell;
  }

  get counts(): Record<EnvelopeFault, number> {
    return { ...this.#counts };
  }

  drop(fault: EnvelopeFault): void {
    this.#counts[fault]++;
    // The log was quicker, or it came twice: that happens.
    if (fault !== 'stale') this.#tell(fault);
  }
}
