/** Sessions as whoever operates them sees them. */
import {
  type NodeSession,
  type SessionSubscription,
  sessionIdOf,
} from '../../core/session-record.js';
import { isoTime } from '../../core/time.js';
import type { View } from '../schemas/kinds.js';
import type * as schemas from '../schemas/sessions.js';

export type SessionView = View<typeof schemas.SESSION>;
export type SessionPageView = View<typeof schemas.SESSION_PAGE>;

interface SessionPart {
  sessions: readonly NodeSession[];
  more: boolean;
  silent: readonly { node: string; detail: string }[];
}

export function sessionPageView({ sessions: all, more, silent }: SessionPart): SessionPageView {
  const sessions = all.map(sessionView);
  const next = more ? sessions.at(-1)?.id : undefined;
  return { sessions, next, ...(silent.length === 0 ? {} : { unanswered: [...silent] }) };
}

function sessionView(session: NodeSession): SessionView {
  const { node, record } = session;
  const { tenant, format, address, client, subscriptions } = record;
  return {
    id: sessionIdOf(session),
    tenant,
    key_id: record.keyId,
    node,
    format,
    address,
    client: client?.name ?? null,
    version: client?.version ?? null,
    connected_at: isoTime(record.connectedAtMs),
    subscriptions: subscriptions.map(subscriptionView),
    in_flight: subscriptions.reduce((sum, { fill }) => sum + (fill?.inFlight ?? 0), 0),
    lag: subscriptions.reduce((sum, { fill }) => sum + (fill?.lag ?? 0), 0),
    buffer_bytes: record.bufferBytes,
  };
}

function subscriptionView({
  topic,
  name,
  ack,
  fill,
}: SessionSubscription): SessionView['subscriptions'][number] {
  return {
    topic,
    subscription: name,
    ack,
    in_flight: fill?.inFlight ?? null,
    max_in_flight: fill?.maxInFlight ?? null,
    lag: fill?.lag ?? null,
  };
}
