/**
 * Whether this node may hand out what it coordinates of a topic, by its lease in the database of that topic.
 * Asked before each dispatch; asks nobody itself.
 */
import type { LeaseWatch } from '../../thread/lease-watch.js';
import type { FenceOp } from '../../thread/ops/fence.js';
import type { Topic } from '../state/subscription.js';

export interface DispatchRights {
  mayDispatch(topic: Topic): boolean;
  /** Called before a durable subscription of the topic is taken; what it returns once it is held. */
  taking(topic: Topic): () => void;
  /** What acceptors look at before they write; null: nobody else takes what is held here. */
  fence(topic: Topic): Pick<FenceOp, 'place' | 'lapses'> | null;
}

/** There is no link to other nodes. */
export const ALWAYS: DispatchRights = {
  mayDispatch: () => true,
  taking: () => () => undefined,
  fence: () => null,
};

/** `watchOf`: of the database of that place. */
export function leaseRights(
  placeOf: (topicId: number) => number,
  watchOf: (place: number) => LeaseWatch | null,
): DispatchRights {
  return {
    mayDispatch: ({ id }) => watchOf(placeOf(id))?.mayDispatch ?? true,
    taking: ({ id }) => watchOf(placeOf(id))?.taking() ?? (() => undefined),
    fence: ({ id }) => {
      const place = placeOf(id);
      const watch = watchOf(place);
      return watch === null ? null : { place, lapses: watch.leaseLapses };
    },
  };
}
