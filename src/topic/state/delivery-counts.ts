/** What delivery has had to do since the worker started: plain counters, read by /api/stats. */
export interface DeliveryCounts {
  /** Attempts after the first. */
  redelivered: number;
  /** Messages given up. */
  dead_lettered: number;
  /** Not sent since their time to live had passed. */
  expired: number;
  /** Deliveries that fell out of tracking: their session never acknowledged. */
  untracked: number;
  /** Deliveries that ended unacknowledged with their ephemeral subscription. */
  abandoned: number;
}

export function newDeliveryCounts(): DeliveryCounts {
  return { redelivered: 0, dead_lettered: 0, expired: 0, untracked: 0, abandoned: 0 };
}
