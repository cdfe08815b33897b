/**
 * What receivers share that say how many messages they take (WANT) and are given them one by one: those who
 * pull, and webhooks. They have no socket that could be full, and are in no group.
 */
import type { AcceptorLinkEnd } from '../../thread/link.js';
import type { ReceiverSubscription } from './receiver.js';

export abstract class AskingReceiver {
  readonly client = null;
  readonly bufferBytes = null;
  readonly subscriptions = new Map<string, ReceiverSubscription>();
  connectedAtMs = 0;
  links: readonly AcceptorLinkEnd[] = [];

  /** What comes and nobody wants any more is refused, message by message. */
  get hasRoom(): boolean {
    return true;
  }

  get isEmpty(): boolean {
    return true;
  }

  whenRead(then: () => void): void {
    then();
  }

  joinGroup(): void {
    throw new Error('what is asked for comes by no group');
  }

  leaveGroup(): void {
    // It is in none.
  }

  sendPage(): number {
    throw new Error('what is asked for comes by no page');
  }

  /** Something that it said was too late: the message is with somebody else, or settled. */
  refuse(): void {
    // Nobody is to be told.
  }

  pardon(): void {
    // It is held to nothing.
  }

  lagging(): void {
    // It has no socket.
  }

  /** Null: there is none, or its worker is being replaced; it is told then (`resumed`). */
  protected get subscription(): ReceiverSubscription | null {
    const [one] = this.subscriptions.values();
    return one === undefined || one.state === 'orphaned' ? null : one;
  }
}
