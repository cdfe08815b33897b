/** What a drain could not bring to its end, as its threads say it, in one line for the operator. */
import type { LeftOver } from '../thread/control.js';

export function sumOf(all: readonly LeftOver[]): LeftOver {
  const sum: LeftOver = { publishes: 0, requests: 0, unread: 0, cursors: 0, acks: 0 };
  for (const one of all) {
    sum.publishes += one.publishes;
    sum.requests += one.requests;
    sum.unread += one.unread;
    sum.cursors += one.cursors;
    sum.acks += one.acks;
  }
  return sum;
}

/** Null: nothing was left. */
export function leftOverLine(left: LeftOver): string | null {
  const { publishes, requests, unread, cursors, acks } = left;
  const parts = [
    publishes > 0 ? `${publishes} publishes without an answer (they may be stored)` : '',
    requests > 0 ? `${requests} other requests without an answer` : '',
    unread > 0 ? `the last that ${unread} sessions sent, which was not read` : '',
    cursors > 0
      ? `what ${cursors} subscriptions settled, ${acks} asked acknowledgements among it ` +
        '(those messages are delivered again)'
      : '',
  ].filter((part) => part !== '');
  return parts.length === 0 ? null : `not saved: ${parts.join('; ')}`;
}
