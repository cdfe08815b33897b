/** What each frame does, in a sentence, and what answers it: for whoever describes the wire. */
import type { ClientFrame } from '../frame-types.js';
import type { ServerFrame } from '../server-frame-types.js';

interface ClientFrameText {
  readonly text: string;
  /** That it was done; an `error` may come in its place. Null: nothing says so. */
  readonly answer: ServerFrame['type'] | null;
}

export const CLIENT_FRAME_TEXTS: Readonly<Record<ClientFrame['type'], ClientFrameText>> = {
  subscribe: { text: 'Asks for the messages of a topic.', answer: 'subscribed' },
  unsubscribe: { text: 'Asks for no more of them.', answer: 'unsubscribed' },
  ack: { text: 'Settles a message, or all up to it; answered with a ref.', answer: 'acked' },
  nack: { text: 'It failed: the message comes again later.', answer: 'acked' },
  extend: { text: 'Asks for more time for this attempt.', answer: 'acked' },
  reject: { text: 'It can not be done: the message is a dead letter.', answer: 'acked' },
  publish: {
    text: 'Publishes a message; answered with a ref, once it is committed.',
    answer: 'published',
  },
  heartbeat: { text: 'Says that the client is there.', answer: 'heartbeat_ack' },
  refresh: { text: 'The session goes on with another token.', answer: 'refreshed' },
  hello: { text: 'Says what the client calls itself.', answer: null },
};

export const SERVER_FRAME_TEXTS: Readonly<Record<ServerFrame['type'], string>> = {
  subscribed: 'The live feed is attached: nothing that is published from now on is missed.',
  unsubscribed: 'The subscription has ended, as it was asked for or by what others did.',
  message: 'A message, to be settled unless the subscription has ack none.',
  caught_up: 'All that was there when the subscription began was given.',
  gap: 'What cannot be given any more; of streams of events.',
  published: 'The message is committed, or waits for its time.',
  acked: 'The verdict with this ref is stored.',
  heartbeat_ack: 'The node is there, too.',
  refreshed: 'The session goes on with the token that it sent.',
  expiring: 'The token runs out in 30 s at most.',
  error: 'A frame was refused; the session stays open.',
  disconnect: 'The last frame before the node closes.',
};
