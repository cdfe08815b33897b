/** What is answered to whoever forwarded what is refused. */
import type { ForwardFault } from '../backplane/forward-door.js';
import { RequestError } from '../core/errors.js';

export function forwardError(fault: ForwardFault): RequestError {
  if (fault === 'oversized')
    return new RequestError('body_too_large', 'larger than any node sends');
  if (fault === 'busy') {
    const detail = 'a worker has not read what came before (BACKPLANE_QUEUE_BYTES_MAX)';
    return new RequestError('busy', detail);
  }
  const isWrong = fault === 'garbage' || fault === 'version';
  if (isWrong)
    return new RequestError('bad_request', `this is no forward of this version (${fault})`);
  return new RequestError('not_a_node', `refused for its ${fault}`);
}
