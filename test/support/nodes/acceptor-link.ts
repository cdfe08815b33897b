/** An acceptor's end of a link with nobody at the other end, for what only needs one to exist. */
import { MessageChannel } from 'node:worker_threads';
import { DEFAULT_LIMITS } from '../../../src/core/limits.js';
import { AcceptorLinkEnd } from '../../../src/thread/link.js';

/** `close` ends both ends. */
export function openLink(): { link: AcceptorLinkEnd; close: () => void } {
  const { port1, port2 } = new MessageChannel();
  const link = new AcceptorLinkEnd({
    port: port1,
    worker: 0,
    generation: 1,
    limits: DEFAULT_LIMITS,
    onOp: () => undefined,
    onTurn: () => undefined,
  });
  const close = (): void => {
    link.close();
    port2.close();
  };
  return { link, close };
}
