/**
 * Names that the kernel holds for a process and frees however it ends: abstract sockets of Linux, which
 * are of one network namespace, as TCP ports are. Elsewhere there are none: nothing is held there.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

export interface HeldName {
  release(): Promise<void>;
}

const FREE: HeldName = { release: () => Promise.resolve() };

/** Null: somebody else holds it. */
export function holdName(name: string): Promise<HeldName | null> {
  if (process.platform !== 'linux') return Promise.resolve(FREE);
  // Whoever connects to it has no business here.
  const server = createServer((socket) => socket.destroy());
  server.unref();
  const release = (): Promise<void> => new Promise((resolve) => server.close(() => resolve()));
  return new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      // A sandbox that lets nobody have such sockets must not stop a node.
      resolve(error.code === 'EADDRINUSE' ? null : FREE),
    );
    server.listen({ path: `\0${name}` }, () => resolve({ release }));
  });
}

/** The names with this beginning that any process holds now, without it. */
export function namesHeld(beginning: string): string[] {
  return socketTable()
    .split('\n')
    .flatMap((line) => {
      // The rest of the address's 108 bytes may be shown, too: zeros, as `@`.
      const name = /@(.*?)@*$/.exec(line)?.[1];
      return name?.startsWith(beginning) === true ? [name.slice(beginning.length)] : [];
    });
}

/** Empty where the kernel does not show it; then only equal names exclude one another. */
function socketTable(): string {
  try {
    return readFileSync('/proc/net/unix', 'utf8');
  } catch {
    return '';
  }
}
