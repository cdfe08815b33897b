/** Who is behind a fence, of the subscriptions and groups of this acceptor. */
import type { Lease } from '../../thread/lease.js';
import { type FenceOp, UNFENCED } from '../../thread/ops/fence.js';
import { Fence } from './fence.js';
import type { ReceiverSubscription, SocketGroup } from './receiver.js';

/** From FENCE. */
export function setFence(
  subscription: ReceiverSubscription,
  { place, lapses }: FenceOp,
  leaseOf: (place: number) => Pick<Lease, 'holds' | 'lapses'>,
): void {
  const { group, state } = subscription;
  subscription.fence = place === UNFENCED ? null : new Fence(leaseOf(place), lapses);
  if (state === 'joined' && subscription.fence !== null) group.fenced.add(subscription);
  else group.fenced.delete(subscription);
}

/** Those of a group's members that may not be given what is published to it next. */
export function behindFence({ fenced }: SocketGroup): readonly ReceiverSubscription[] {
  // All are of one topic, so of one lease, and were told of it together.
  for (const { fence } of fenced) return fence?.isOpen === false ? [...fenced] : [];
  return [];
}
