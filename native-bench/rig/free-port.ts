/**
 * Ports for servers of tests and measurements. Every process holds a block of them below those that the
 * kernel gives out: it listens on the block's first port for as long as it lives, and gives each other one
 * out once. So no port goes to two callers, nor to an outgoing connection, before its server listens.
 */
import { createServer, type Server } from 'node:net';

const FIRST = 10_000;
/** Linux gives out this one and those above, other systems 49,152 and those above. */
const GIVEN_OUT = 32_768;
const BLOCK = 64;
const BLOCKS = Math.floor((GIVEN_OUT - FIRST) / BLOCK);

/** Not given out yet. */
const mine: number[] = [];
/** Whoever finds none waits for the one block that is being taken. */
let taking: Promise<void> | null = null;

/** A port of 127.0.0.1 that nobody listens on, and that nobody else is given. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = mine.shift();
    if (port !== undefined && (await isFree(port))) return port;
    if (mine.length > 0) continue;
    taking ??= takeBlock();
    await taking;
  }
}

/** The first block, from a random one on, whose first port nobody holds. */
async function takeBlock(): Promise<void> {
  const from = Math.floor(Math.random() * BLOCKS);
  for (let n = 0; n < BLOCKS; n++) {
    const first = FIRST + ((from + n) % BLOCKS) * BLOCK;
    const guard = await listen(first);
    if (guard === null) continue;
    guard.unref();
    for (let port = first + 1; port < first + BLOCK; port++) mine.push(port);
    taking = null;
    return;
  }
  throw new Error('every block of ports is taken');
}

async function isFree(port: number): Promise<boolean> {
  const probe = await listen(port);
  if (probe === null) return false;
  await new Promise((resolve) => probe.close(resolve));
  return true;
}

/** Null: somebody else listens there. */
function listen(port: number): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(null);
      else reject(error);
    });
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(server));
  });
}
