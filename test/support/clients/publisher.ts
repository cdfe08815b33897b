/**
 * A publisher for tests: POST /api/publish over node:http on keep-alive connections, one outstanding
 * each. Keeps a history of what was asked and what was answered, for the checker to judge.
 */
import http from 'node:http';

export interface Answer {
  status: number;
  body: Record<string, unknown>;
  headers: http.IncomingHttpHeaders;
}

/** What became of one publish: `ok` carries its place; `unknown` means no answer came at all. */
export interface Attempt {
  topic: string;
  /** Unique; it is the payload's `n`. */
  mark: string;
  outcome: 'ok' | 'refused' | 'unknown';
  status: number;
  sequence: number;
  messageId: string;
}

export function request(
  url: string,
  options: {
    method?: string;
    body?: string | Buffer;
    headers?: http.OutgoingHttpHeaders;
    agent?: http.Agent;
    /** Without an answer so long it fails; absent: never. */
    timeoutMs?: number;
  },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = http.request(
      url,
      {
        method: options.method ?? 'GET',
        headers: options.headers ?? {},
        ...(options.agent === undefined ? {} : { agent: options.agent }),
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          resolve({
            status: response.statusCode ?? 0,
            body: parseBody(text),
            headers: response.headers,
          });
        });
      },
    );
    call.on('error', reject);
    if (options.timeoutMs !== undefined) {
      const late = new Error(`no answer for ${options.timeoutMs} ms`);
      const timer = setTimeout(() => call.destroy(late), options.timeoutMs);
      call.once('close', () => clearTimeout(timer));
    }
    call.end(options.body);
  });
}

function parseBody(text: string): Record<string, unknown> {
  if (text === '') return {};
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return { text };
  }
}

export class Publisher {
  readonly history: Attempt[] = [];
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 1_024 });
  url: string;
  #marks = 0;
  readonly #name: string;

  constructor(url: string, name = 'p') {
    this.url = url;
    this.#name = name;
  }

  async publish(topic: string, extra: Record<string, unknown> = {}): Promise<Attempt> {
    const mark = `${this.#name}-${++this.#marks}`;
    const attempt: Attempt = {
      topic,
      mark,
      outcome: 'unknown',
      status: 0,
      sequence: 0,
      messageId: '',
    };
    this.history.push(attempt);
    try {
      const answer = await request(`${this.url}/api/publish`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ topic, payload: { n: mark, ...extra } }),
        agent: this.#agent,
      });
      attempt.status = answer.status;
      attempt.outcome = answer.status === 200 ? 'ok' : outcomeOf(answer);
      attempt.sequence = Number(answer.body.sequence ?? 0);
      attempt.messageId = String(answer.body.message_id ?? '');
    } catch {
      attempt.outcome = 'unknown';
    }
    return attempt;
  }

  /** `connections` publishers in parallel, each one after another, until `until` says so. */
  async load(options: {
    topics: readonly string[];
    connections: number;
    until: () => boolean;
    pauseMs?: number;
  }): Promise<void> {
    const { topics, connections, until, pauseMs = 0 } = options;
    const one = async (index: number): Promise<void> => {
      for (let n = index; !until(); n++) {
        const attempt = await this.publish(topics[n % topics.length] ?? '');
        if (attempt.outcome !== 'ok' || pauseMs > 0) {
          await new Promise((resolve) => setTimeout(resolve, Math.max(pauseMs, 5)));
        }
      }
    };
    await Promise.all(Array.from({ length: connections }, (_, i) => one(i)));
  }

  acked(): Attempt[] {
    return this.history.filter((attempt) => attempt.outcome === 'ok');
  }

  close(): void {
    this.#agent.destroy();
  }
}

function outcomeOf(answer: Answer): Attempt['outcome'] {
  return answer.body.code === 'outcome_unknown' ? 'unknown' : 'refused';
}
