/** What this acceptor says of itself in GET /metrics, the page, and METRICS_PORT: a port for it alone. */
import uWS, { type TemplatedApp, type us_listen_socket } from 'uWebSockets.js';
import type { AcceptorFigures } from '../core/acceptor-figures.js';
import { MetricCells } from '../observe/metric-cells.js';
import type { SamplesOf } from '../observe/metric-kinds.js';
import { ACCEPTOR_METRICS } from '../observe/metrics.js';
import type { AcceptorStart } from '../thread/control.js';
import { threadFigures } from '../thread/thread-figures.js';
import type { Traffic } from './http/traffic.js';
import { MetricsPage } from './routes/metrics-page.js';

type Samples = SamplesOf<typeof ACCEPTOR_METRICS>;

export interface AcceptorMetricsOptions {
  traffic: Traffic;
  /** Since the start of this thread, by encoding. */
  delivered: () => Samples['delivered'];
  /** Webhooks that it sends for, and what came of it. */
  webhooks: () => Pick<Samples, 'webhooks' | 'webhookResults' | 'webhookSeconds'>;
  /** What the acceptors count together. */
  shared: () => AcceptorFigures;
}

export class AcceptorMetrics {
  readonly page: MetricsPage;
  readonly #start: AcceptorStart;
  readonly #options: AcceptorMetricsOptions;
  readonly #write: (samples: Samples) => void;
  readonly #ofThread = threadFigures();
  readonly #app: TemplatedApp;
  #listening: us_listen_socket | null = null;

  constructor(start: AcceptorStart, options: AcceptorMetricsOptions) {
    this.#start = start;
    this.#options = options;
    const { memory, version, index } = start;
    const { databaseUrl, moreDatabaseUrls } = start.config;
    this.#write = new MetricCells(ACCEPTOR_METRICS, memory.metrics.acceptor).writer(index);
    this.page = new MetricsPage({
      ...{ memory: memory.metrics, version, traffic: options.traffic, shared: options.shared },
      databases: databaseUrl === null ? 0 : 1 + moreDatabaseUrls.length,
      refresh: () => this.sample(),
    });
    this.#app = uWS.App();
  }

  /** To be called once a second. */
  sample(): void {
    const { traffic, delivered, webhooks } = this.#options;
    const { opened, closed, errors, requests, seconds: requestSeconds } = traffic;
    const own = { delivered: delivered(), opened, closed, errors, requests, requestSeconds };
    this.#write({ ...own, ...webhooks(), ...this.#ofThread() });
  }

  /** What METRICS_PORT answers. */
  mount(mount: (app: TemplatedApp) => void): void {
    mount(this.#app);
  }

  /** Resolves at once where METRICS_PORT is unset; rejects when it cannot be listened on. */
  listen(): Promise<void> {
    const { host, metricsPort } = this.#start.config;
    if (metricsPort === null) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#app.listen(host, metricsPort, (socket) => {
        if (socket === false) {
          reject(new Error(`METRICS_PORT: cannot listen on ${host}:${metricsPort}`));
          return;
        }
        this.#listening = socket;
        resolve();
      });
    });
  }

  close(): void {
    if (this.#listening !== null) uWS.us_listen_socket_close(this.#listening);
    this.#listening = null;
    this.#app.close();
  }
}
