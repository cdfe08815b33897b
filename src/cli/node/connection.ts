/** The client of the node that a command asks; its errors as those of a command. */
import { type ConduitClient, connect } from '../../client/conduit-client.js';
import { ConduitError } from '../../client/conduit-error.js';
import { CommandFailure, type ExitCode } from '../terminal/failure.js';
import { rawCodec } from './raw-codec.js';
import { type NodeAsked, targetOfAsked } from './shown.js';

const CONNECT_TIMEOUT_MS = 10_000;
const UNREACHABLE = ['disconnected', 'gave_up', 'timeout', 'draining', 'rate_limited'];
const NOT_THERE = ['topic_not_found', 'subscription_not_found', 'topic_deleted'];
const NO_RIGHT = ['unauthorized', 'forbidden'];

/**
 * Connected: rejects CommandFailure when the first try fails. Afterwards it comes back by itself, and says on
 * stderr when it was away.
 */
export async function connected(asked: NodeAsked): Promise<ConduitClient> {
  const { shell } = asked;
  const { url, apiKey } = targetOfAsked(asked);
  const key = apiKey === null ? {} : { apiKey };
  const client = connect({ url, codec: rawCodec, ...key, connectTimeoutMs: CONNECT_TIMEOUT_MS });
  let first: ConduitError | null = null;
  client.on('reconnect', ({ error }) => {
    if (first === null && client.state !== 'open' && !wasOpen) {
      first = error;
      void client.close();
    }
  });
  let wasOpen = false;
  client.on('state', ({ from, to, error }) => {
    if (to === 'open') {
      if (wasOpen) shell.complain('connected again');
      wasOpen = true;
    } else if (from === 'open' && to === 'reconnecting') {
      shell.complain(`disconnected${error === null ? '' : `: ${error.message}`}; trying again`);
    }
  });
  client.on('gap', ({ topic, from, to, reason }) =>
    shell.complain(`${topic}: messages ${from} to ${to} cannot be given any more (${reason})`),
  );
  try {
    await client.ready();
    return client;
  } catch (error) {
    await client.close();
    throw failureOf(first ?? error, url);
  }
}

/** What a client said, with an exit code. */
export function failureOf(error: unknown, url: string): unknown {
  if (!(error instanceof ConduitError)) return error;
  const { code, message, status = null } = error;
  const exit = exitOf(error);
  const advice = exit === 3 ? '; CONDUIT_URL says where a node is' : '';
  const line = exit === 3 ? `cannot reach ${url}: ${message}${advice}` : `${message} (${code})`;
  return new CommandFailure(exit, line, { code, detail: message, status });
}

function exitOf({ code, status }: ConduitError): ExitCode {
  if (status === 401 || status === 403 || NO_RIGHT.includes(code)) return 4;
  if (status === 404 || NOT_THERE.includes(code)) return 5;
  const isLater = status === 429 || (status !== undefined && status >= 502 && status <= 504);
  return isLater || UNREACHABLE.includes(code) ? 3 : 1;
}
