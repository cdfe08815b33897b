/**
 * What the acceptors of a node count together, so that each can tell of the node, by what clients read of
 * each: a line here is a SharedCount of `AcceptorCounts`, and a member of GET /api/stats.
 */
export const ACCEPTOR_FIGURES = {
  sessions: 'Streams included.',
  streams: 'Of server-sent events.',
  unreadAnswerBytes: 'Of long answers that their clients have not read yet.',
  refusedConnections: 'Closed at once, over ACCEPT_RATE_MAX; since the start.',
  refusedForwards: 'Requests as of other nodes that were refused; since the start.',
} as const;

export type AcceptorFigure = keyof typeof ACCEPTOR_FIGURES;
export type AcceptorFigures = Readonly<Record<AcceptorFigure, number>>;
