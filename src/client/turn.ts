/** Turns of the event loop, in browsers and Node: what is gathered in one goes out in the next. */

type Work = () => void;

/** What of a MessageChannel is used: Node's types have another one than browsers do. */
interface Channel {
  port1: { onmessage: Work | null };
  port2: { postMessage(message: number): void };
}

const { setImmediate: immediately } = globalThis as { setImmediate?: (work: Work) => void };
const waiting: Work[] = [];
let channel: Channel | null = null;

/**
 * Runs `work` in a later turn, after what waits for I/O was read. A timer would wait 4 ms, and a second in
 * a tab that is not seen; a MessageChannel would keep Node alive.
 */
export function nextTurn(work: Work): void {
  if (immediately !== undefined) {
    immediately(work);
    return;
  }
  channel ??= newChannel();
  waiting.push(work);
  channel.port2.postMessage(0);
}

function newChannel(): Channel {
  const made = new MessageChannel() as unknown as Channel;
  made.port1.onmessage = () => waiting.shift()?.();
  return made;
}
