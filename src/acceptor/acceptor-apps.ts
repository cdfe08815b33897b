/**
 * The uWS Apps of this acceptor: the one that listens, and those that did before the certificate was
 * replaced, whose connections go on with the old one. All have the same handlers.
 */
import uWS, { type TemplatedApp, type us_listen_socket } from 'uWebSockets.js';
import type { Config } from '../config/config.js';
import type { MessageForm, SocketPublisher } from './delivery/socket-publisher.js';

/** Whoever is still connected after so many more certificates is closed with the App. */
const FORMER_MAX = 4;

export type AppsConfig = Pick<Config, 'host' | 'port' | 'tlsCertFile' | 'tlsKeyFile'>;

export class AcceptorApps implements SocketPublisher {
  readonly #config: AppsConfig;
  /** The one that listens, or will, is the last. */
  readonly #apps: TemplatedApp[];
  #mount: (app: TemplatedApp) => void = () => undefined;
  #listening: us_listen_socket | null = null;

  /** Throws where uWS does not take the certificate. */
  constructor(config: AppsConfig) {
    this.#config = config;
    this.#apps = [makeApp(config)];
  }

  /** To be called once; `mount` is called for each App there will be. */
  mount(mount: (app: TemplatedApp) => void): void {
    this.#mount = mount;
    for (const app of this.#apps) mount(app);
  }

  /** To all WebSockets that subscribe to the uWS topic of that name. */
  publish(name: string, message: string | Uint8Array, form: MessageForm): void {
    for (const app of this.#apps) app.publish(name, message, form === 'binary');
  }

  /** Resolves with the port; rejects when it cannot be listened on. */
  listen(): Promise<number> {
    const { host, port } = this.#config;
    const app = this.#apps.at(-1);
    return new Promise((resolve, reject) => {
      app?.listen(host, port, (socket) => {
        if (socket === false) {
          reject(new Error(`cannot listen on ${host}:${port}`));
          return;
        }
        this.#listening = socket;
        resolve(port);
      });
    });
  }

  /**
   * New connections get the certificate that the files hold now; rejects, and leaves all as it is, where that
   * cannot be used.
   */
  async reload(): Promise<void> {
    const before = this.#listening;
    if (before === null) return;
    const app = makeApp(this.#config);
    this.#mount(app);
    this.#apps.push(app);
    try {
      await this.listen();
    } catch (error) {
      this.#apps.pop();
      app.close();
      throw error;
    }
    // Both listen for a turn: what has come to the one before is taken in by then, and none is refused.
    await new Promise((resolve) => setImmediate(resolve));
    uWS.us_listen_socket_close(before);
    if (this.#apps.length > 1 + FORMER_MAX) this.#apps.shift()?.close();
  }

  /** Closes every socket. */
  close(): void {
    if (this.#listening !== null) uWS.us_listen_socket_close(this.#listening);
    this.#listening = null;
    for (const app of this.#apps) app.close();
  }
}

function makeApp({ tlsCertFile, tlsKeyFile }: AppsConfig): TemplatedApp {
  if (tlsCertFile === null || tlsKeyFile === null) return uWS.App();
  try {
    return uWS.SSLApp({ cert_file_name: tlsCertFile, key_file_name: tlsKeyFile });
  } catch (error) {
    throw new Error('TLS_CERT_FILE, TLS_KEY_FILE: uWebSockets does not take them', {
      cause: error,
    });
  }
}
