/** The attackers' HTTP: whatever is answered, or nothing, is taken; only the attacked node matters. */
import { once } from 'node:events';
import { connect } from 'node:net';

/** A socket that says nothing is left after it. */
const PATIENCE_MS = 1_000;

/** The answer's JSON; empty when there is none. */
export function post(target: string, path: string, body: object): Promise<Record<string, unknown>> {
  return request(target, 'POST', path, { body: JSON.stringify(body) });
}

export async function request(
  target: string,
  method: string,
  path: string,
  { body = null, key = null }: { body?: string | null; key?: string | null } = {},
): Promise<Record<string, unknown>> {
  try {
    const answer = await fetch(`http://${target}${path}`, {
      method,
      headers: {
        'content-type': 'application/json',
        ...(key === null ? {} : { 'x-api-key': key }),
      },
      body,
      signal: AbortSignal.timeout(PATIENCE_MS * 10),
    });
    const text = await answer.text();
    return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
  } catch {
    return {};
  }
}

/** Bytes as they are, on a connection of their own, and what comes back is read until it ends. */
export async function sendRaw(target: string, bytes: string): Promise<void> {
  const [host = '', port = ''] = target.split(':');
  const socket = connect(Number(port), host);
  socket.setTimeout(PATIENCE_MS, () => socket.destroy());
  // A reset is an answer, too.
  socket.on('error', () => socket.destroy());
  socket.resume();
  socket.end(bytes);
  await once(socket, 'close');
}
