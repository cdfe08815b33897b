/**
 * What is refused of a request before its route runs: who it comes from, and a framing that uWS takes and
 * others in front of it may read differently. The connection closes, so that nothing behind it runs.
 */
import type { HttpRequest } from 'uWebSockets.js';
import { RequestError } from '../../core/errors.js';
import type { AskedBy, Callers } from './callers.js';
import type { Exchange } from './exchange.js';
import { TRANSFER_ENCODING } from './header-bytes.js';

/** True: it was answered. */
export function isRefused(
  exchange: Exchange,
  req: HttpRequest,
  { callers, asked }: { callers: Callers; asked: AskedBy },
): boolean {
  const refusal = framingRefusal(exchange, req) ?? callers.refusal(req, exchange.origin, asked);
  if (refusal !== null) exchange.failAndClose(refusal);
  return refusal !== null;
}

/** uWS takes whatever Transfer-Encoding for chunks; it refuses one beside a Content-Length itself. */
function framingRefusal(exchange: Exchange, req: HttpRequest): RequestError | null {
  if (exchange.contentLength !== '') return null;
  const coding = req.getHeader(TRANSFER_ENCODING);
  if (coding === '' || (coding.toLowerCase() === 'chunked' && isGivenOnce(req))) return null;
  return new RequestError('bad_request', 'takes chunked only, once', 'Transfer-Encoding');
}

/** Looking at all headers costs as much as a tenth of a publish, but chunks are rare. */
function isGivenOnce(req: HttpRequest): boolean {
  let times = 0;
  req.forEach((name) => {
    if (name === 'transfer-encoding') times++;
  });
  return times === 1;
}
