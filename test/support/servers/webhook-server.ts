/**
 * An HTTP endpoint of a test: keeps each request that came, checked with the makers' library, and answers as
 * it is told.
 */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

export interface HookRequest {
  headers: http.IncomingHttpHeaders;
  body: string;
  path: string;
  sequence: number;
  attempt: number;
  atMs: number;
}

export interface HookAnswer {
  status: number;
  headers?: Record<string, string>;
  body?: string;
}

/** `hang`: never answered. */
export type HookReply = (request: HookRequest) => HookAnswer | 'hang' | Promise<HookAnswer>;

export interface WebhookServer {
  url: string;
  readonly requests: HookRequest[];
  /** The most that were under way at once. */
  readonly most: number;
  reply: HookReply;
  close(): void;
}

export async function startWebhookServer(
  t: { teardown(end: () => unknown): void },
  reply: HookReply = () => ({ status: 204 }),
): Promise<WebhookServer> {
  const requests: HookRequest[] = [];
  const state = { most: 0, underWay: 0, reply };
  const server = http.createServer((req, res) => {
    const parts: Buffer[] = [];
    state.underWay++;
    state.most = Math.max(state.most, state.underWay);
    res.on('close', () => state.underWay--);
    req.on('data', (part: Buffer) => parts.push(part));
    req.on('end', async () => {
      const { headers, url: path = '' } = req;
      const request = {
        ...{ headers, path, body: Buffer.concat(parts).toString('utf8') },
        sequence: Number(headers['conduit-sequence']),
        attempt: Number(headers['conduit-attempt']),
        atMs: performance.now(),
      };
      requests.push(request);
      const answer = await state.reply(request);
      if (answer !== 'hang') res.writeHead(answer.status, answer.headers).end(answer.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  t.teardown(close);
  return {
    url: `http://127.0.0.1:${port}/hook`,
    requests,
    get most() {
      return state.most;
    },
    get reply() {
      return state.reply;
    },
    set reply(next: HookReply) {
      state.reply = next;
    },
    close,
  };
}

/** What the library says of it: nothing where the signature is good, else why not. */
export function signatureFault(secret: string, { headers, body }: HookRequest): string | null {
  const signed = {
    'webhook-id': String(headers['webhook-id']),
    'webhook-timestamp': String(headers['webhook-timestamp']),
    'webhook-signature': String(headers['webhook-signature']),
  };
  try {
    new Webhook(secret).verify(body, signed);
    return null;
  } catch (error) {
    return String(error);
  }
}
