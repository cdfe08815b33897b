/** What delivery has had to do since the worker started. */
import type { DeliveryCounts } from '../../core/worker-figures.js';

export function newDeliveryCounts(): DeliveryCounts {
  return { redelivered: 0, deadLettered: 0, expired: 0, untracked: 0, abandoned: 0 };
}
