/** A node that lives, as others of its database reach it; this one is among them. */

export interface Peer {
  /** NODE_ID. */
  id: string;
  /** Of this life of it, another one at every start. */
  bootId: string;
  /** `host:port`. */
  addr: string;
  /** Begins the URL of what it takes of other nodes; null: it takes nothing by HTTP. */
  forwardUrl: string | null;
  /** How many topic workers it has, numbered from 0. */
  workers: number;
}

/** Whether workers of other nodes are told from whoever may send in their name. */
export function hasPeerLink(config: {
  databaseUrl: string | null;
  internalSecret: string | null;
}): boolean {
  return config.databaseUrl !== null && config.internalSecret !== null;
}
