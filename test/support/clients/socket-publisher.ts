/** One App as what the acceptor publishes to. */
import type { TemplatedApp } from 'uWebSockets.js';
import type { SocketPublisher } from '../../../src/acceptor/delivery/socket-publisher.js';

export function publisherOf(app: TemplatedApp): SocketPublisher {
  return { publish: (name, message, form) => void app.publish(name, message, form === 'binary') };
}
