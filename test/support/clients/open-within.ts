/** A session of a node that may be frozen, which accepts connections and answers no handshake. */
import { type Format, Subscriber } from './subscriber.js';

/** Null: there is none after so long, or it was refused. */
export async function openWithin(
  ms: number,
  wsUrl: string,
  format: Format,
): Promise<Subscriber | null> {
  const opened = new Subscriber(wsUrl, format);
  const slow = setTimeout(() => opened.socket.terminate(), ms);
  const isOpen = await new Promise<boolean>((resolve) => {
    opened.socket.once('open', () => resolve(true));
    opened.socket.once('close', () => resolve(false));
  });
  clearTimeout(slow);
  return isOpen ? opened : null;
}
