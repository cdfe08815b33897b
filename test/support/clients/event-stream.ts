/** A client of server-sent events for tests: reads as the HTML standard says, and keeps all it read. */
import http from 'node:http';

export interface StreamEvent {
  id: string;
  event: string;
  data: Record<string, unknown>;
}

export class EventStream {
  readonly response: http.IncomingMessage;
  readonly events: StreamEvent[] = [];
  comments = 0;
  /** What EventSource would send as Last-Event-ID if it came back now; '' nothing. */
  lastEventId = '';
  /** What it would wait before, in ms. */
  retryMs = 0;
  /** whole: the server ended it; broken: the connection did. */
  ended: 'no' | 'whole' | 'broken' = 'no';
  readonly #call: http.ClientRequest;
  #rest = '';

  constructor(call: http.ClientRequest, response: http.IncomingMessage) {
    this.#call = call;
    this.response = response;
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => this.#read(chunk));
    response.on('end', () => {
      this.ended = 'whole';
    });
    response.on('error', () => {
      this.ended = 'broken';
    });
  }

  /** `key`: an API key; '' for none. */
  static open(url: string, lastEventId = '', key = ''): Promise<EventStream> {
    const headers = {
      ...(lastEventId === '' ? {} : { 'last-event-id': lastEventId }),
      ...(key === '' ? {} : { 'x-api-key': key }),
    };
    return new Promise((resolve, reject) => {
      const call = http.get(url, { headers, agent: false }, (response) =>
        resolve(new EventStream(call, response)),
      );
      call.on('error', reject);
    });
  }

  get status(): number {
    return this.response.statusCode ?? 0;
  }

  of(event: string): StreamEvent[] {
    return this.events.filter((one) => one.event === event);
  }

  sequences(): unknown[] {
    return this.of('message').map(({ data }) => data['sequence']);
  }

  close(): void {
    this.#call.destroy();
  }

  #read(chunk: string): void {
    const blocks = (this.#rest + chunk).split('\n\n');
    this.#rest = blocks.pop() ?? '';
    for (const block of blocks) this.#readBlock(block.split('\n'));
  }

  #readBlock(lines: readonly string[]): void {
    let event = 'message';
    const data: string[] = [];
    for (const line of lines) {
      const colon = line.indexOf(':');
      const value = line.slice(colon + 1).replace(/^ /, '');
      const name = line.slice(0, colon);
      if (name === '') this.comments++;
      else if (name === 'id') this.lastEventId = value;
      else if (name === 'event') event = value;
      else if (name === 'retry') this.retryMs = Number(value);
      else if (name === 'data') data.push(value);
    }
    if (data.length === 0) return;
    this.events.push({ id: this.lastEventId, event, data: JSON.parse(data.join('\n')) });
  }
}
