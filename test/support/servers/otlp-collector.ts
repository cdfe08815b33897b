/** What takes spans in as OTLP over HTTP, in JSON, and keeps them. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';

interface Attribute {
  key: string;
  value: { stringValue?: string; intValue?: number | string; doubleValue?: number };
}

interface OtlpSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes?: Attribute[];
  links?: { traceId: string; spanId: string }[];
  status?: { code?: number };
}

interface Export {
  resourceSpans: {
    resource: { attributes?: Attribute[] };
    scopeSpans: { spans: OtlpSpan[] }[];
  }[];
}

export interface Span extends Omit<OtlpSpan, 'attributes'> {
  /** Of the resource, service.instance.id. */
  node: string;
  attributes: Record<string, string | number>;
}

export class OtlpCollector {
  readonly spans: Span[] = [];
  readonly #server = http.createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      this.#take(JSON.parse(Buffer.concat(parts).toString()) as Export);
      response.setHeader('content-type', 'application/json');
      response.end('{}');
    });
  });

  static async open(t: { teardown(end: () => unknown): void }): Promise<OtlpCollector> {
    const collector = new OtlpCollector();
    await new Promise<void>((resolve) => collector.#server.listen(0, '127.0.0.1', resolve));
    t.teardown(() => collector.#server.close());
    return collector;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  of(traceId: string): Span[] {
    return this.spans.filter((one) => one.traceId === traceId);
  }

  #take({ resourceSpans }: Export): void {
    for (const { resource, scopeSpans } of resourceSpans) {
      const node = String(plain(resource.attributes)['service.instance.id']);
      for (const span of scopeSpans.flatMap(({ spans }) => spans)) {
        this.spans.push({ ...span, node, attributes: plain(span.attributes) });
      }
    }
  }
}

function plain(attributes: readonly Attribute[] = []): Record<string, string | number> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [
      key,
      value.stringValue ?? Number(value.intValue ?? value.doubleValue),
    ]),
  );
}
