/**
 * A pooler before PostgreSQL that gives each transaction of a client a backend that is free, as PgBouncer
 * does with pool_mode = transaction: what a client sets or locks for its session stays on a backend
 * when the client is gone. Only for servers that ask for no password.
 */
import net from 'node:net';

const READY = 0x5a;
const IDLE = 0x49;
const TERMINATE = 0x58;
const PROTOCOL_3 = 196_608;

export interface TransactionPooler {
  readonly port: number;
  close(): void;
}

interface Backend {
  socket: net.Socket;
  /** Null: free. */
  client: net.Socket | null;
}

export interface PoolerOptions {
  backends: number;
  /** Which free backend a transaction gets. */
  gives: 'longest free' | 'last used';
}

export async function startTransactionPooler(
  serverPort: number,
  { backends, gives }: PoolerOptions,
): Promise<TransactionPooler> {
  const free: Backend[] = [];
  const waiting: ((backend: Backend) => void)[] = [];
  const release = (backend: Backend): void => {
    backend.client = null;
    const next = waiting.shift();
    if (next === undefined) free.push(backend);
    else next(backend);
  };
  const all = await Promise.all(
    Array.from({ length: backends }, () => openBackend(serverPort, release)),
  );
  free.push(...all);
  const clients = new Set<net.Socket>();
  const take = (): Promise<Backend> => {
    const backend = gives === 'last used' ? free.pop() : free.shift();
    return backend === undefined
      ? new Promise((resolve) => waiting.push(resolve))
      : Promise.resolve(backend);
  };
  const server = net.createServer((client) => {
    clients.add(client);
    client.on('error', () => client.destroy());
    serve(client, all, take);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    close: () => {
      server.close();
      for (const socket of [...clients, ...all.map(({ socket }) => socket)]) socket.destroy();
    },
  };
}

/** Calls `take` for a backend at the first byte of a transaction. */
function serve(client: net.Socket, all: readonly Backend[], take: () => Promise<Backend>): void {
  let state: 'starting' | 'open' = 'starting';
  let pending: Promise<Backend> | null = null;
  client.on('data', (chunk: Buffer) => {
    if (state === 'starting') {
      if (chunk.readInt32BE(4) !== PROTOCOL_3) {
        client.write('N');
        return;
      }
      state = 'open';
      client.write(greeting());
      return;
    }
    if (chunk[0] === TERMINATE) {
      client.end();
      return;
    }
    const own = all.find((backend) => backend.client === client);
    if (own !== undefined) {
      own.socket.write(chunk);
      return;
    }
    pending = (pending === null ? take() : pending).then((backend) => {
      pending = null;
      backend.client = client;
      backend.socket.write(chunk);
      return backend;
    });
  });
}

/** Logged in, and from then on passing what it says to its client. */
async function openBackend(port: number, release: (backend: Backend) => void): Promise<Backend> {
  const socket = net.connect(port, '127.0.0.1');
  const backend: Backend = { socket, client: null };
  const parameters = 'user\0postgres\0database\0postgres\0application_name\0pooler\0\0';
  socket.write(startup(parameters));
  socket.on('error', () => socket.destroy());
  await new Promise<void>((resolve) => {
    let rest: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      backend.client?.write(chunk);
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 5 && rest.length > rest.readInt32BE(1)) {
        const length = rest.readInt32BE(1) + 1;
        const isOver = rest[0] === READY && rest[5] === IDLE;
        rest = rest.subarray(length);
        if (!isOver) continue;
        if (backend.client !== null) release(backend);
        resolve();
      }
    });
  });
  return backend;
}

function startup(parameters: string): Buffer {
  const head = Buffer.alloc(8);
  head.writeInt32BE(8 + Buffer.byteLength(parameters), 0);
  head.writeInt32BE(PROTOCOL_3, 4);
  return Buffer.concat([head, Buffer.from(parameters)]);
}

/** Authenticated, the number of a backend that is none, ready. */
function greeting(): Buffer {
  const ok = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0]);
  const key = Buffer.from([0x4b, 0, 0, 0, 12, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 1]);
  return Buffer.concat([ok, key, Buffer.from([READY, 0, 0, 0, 5, IDLE])]);
}
