/** What publishes to sockets by the uWS topics that they subscribe to: an App, or several. */

export type MessageForm = 'text' | 'binary';

export interface SocketPublisher {
  /** To all WebSockets that subscribe to the uWS topic of that name. */
  publish(name: string, message: string | Uint8Array, form: MessageForm): void;
}
