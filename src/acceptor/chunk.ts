/** One DELIVER_GROUP on its way to the groups of its topic; its bytes are credited when all have it. */
import type { AcceptorLinkEnd } from '../thread/link.js';
import type { DeliverGroupOp } from '../thread/ops.js';

export class Chunk {
  readonly link: AcceptorLinkEnd;
  readonly op: DeliverGroupOp;
  /** Who still has to publish it, and who hands it out. */
  #holders = 1;

  constructor(link: AcceptorLinkEnd, op: DeliverGroupOp) {
    this.link = link;
    this.op = op;
  }

  hold(): void {
    this.#holders++;
  }

  /** True: nobody holds it any more. */
  release(): boolean {
    this.#holders--;
    return this.#holders === 0;
  }
}
