/**
 * Every operation that travels between an acceptor and a topic worker, both ways. This folder is the whole
 * protocol of the link, one file a conversation; nothing else is posted on its port.
 *
 *   publish.ts      PUBLISH, answered by PUBLISHED, DEFERRED or FAILED
 *   subscribe.ts    SUBSCRIBE, answered by SUBSCRIBED or FAILED, before which TOPIC_MADE may come;
 *                   UNSUBSCRIBE, by UNSUBSCRIBED or FAILED; SESSION_ENDED, not answered
 *   deliver.ts      DELIVER, answered by DRAINED or LEFT; DELIVER_GROUP, JOIN, LEAVE, CREDIT, not answered
 *   sought.ts       SOUGHT, not answered
 *   fence.ts        FENCE, not answered
 *   give.ts         GIVE, answered by GIVEN; PROBE, by PROBED; HOLDS, not answered
 *   want.ts         WANT, answered by GIVE and DRY
 *   acknowledge.ts  ACK and VERDICT, answered by ACKED or FAILED where it was asked for; ACK_CREDIT
 *   gap.ts          GAP, not answered
 *   call.ts         CALL, answered by REPLY or FAILED
 *   slice.ts        SLICE, answered by SLICE_READ
 *   failed.ts       FAILED
 *
 * Fields stand in the order they are packed. Each `pack*` has its `read*` right below it; the reader is
 * called after the opcode byte was read.
 *
 * Bounds. Publishes: an acceptor has at most linkMessagesMax publishes and linkBytesMax bytes under
 * way to one worker; each is given back by its PUBLISHED, DEFERRED or FAILED. Full: the acceptor
 * answers 503 `busy` (WebSocket: error `busy` with the ref) and packs nothing. Deliveries: a worker
 * has at most linkDeliverBytesMax bytes of DELIVER and DELIVER_GROUP under way to one acceptor, given
 * back by CREDIT. Full: the worker stops feeding that acceptor; its readers lag and are fed from the
 * hot cache or the log once credit is back. Acknowledgements have credit of their own (link.ts); full:
 * error `busy`. What one session may have of all of these is bounded in acceptor/session/session-load.ts.
 *
 * Between two nodes the same operations travel, but PUBLISH and SLICE, on a link of another kind
 * (core/peer-link.ts): a worker whose sessions are attached to a subscription that a worker of another node
 * coordinates is an acceptor to that one. There each subscription counts as a session of its own, messages
 * are given one by one, and the link alone has credit.
 *
 * Subscriptions. A session may have several to one topic, so operations name a subscription by a number
 * that the acceptor gives it at SUBSCRIBE, unique on that acceptor while it runs.
 *
 * Order: everything on one link arrives in the order it was packed. JOIN, LEAVE and DELIVER* rely on it.
 */

/** Acceptor to worker. */
export const OP_PUBLISH = 1;
export const OP_SUBSCRIBE = 2;
export const OP_UNSUBSCRIBE = 3;
export const OP_SESSION_ENDED = 4;
export const OP_ACK = 5;
export const OP_LEFT = 6;
export const OP_DRAINED = 7;
export const OP_CREDIT = 8;
export const OP_CALL = 9;
export const OP_VERDICT = 10;
export const OP_GIVEN = 11;
export const OP_PROBED = 12;
export const OP_SLICE = 13;
export const OP_WANT = 14;

/** Worker to acceptor. */
export const OP_PUBLISHED = 32;
export const OP_FAILED = 33;
export const OP_DELIVER_GROUP = 34;
export const OP_DELIVER = 35;
export const OP_JOIN = 36;
export const OP_LEAVE = 37;
export const OP_SUBSCRIBED = 38;
export const OP_UNSUBSCRIBED = 39;
export const OP_CAUGHT_UP = 40;
export const OP_ACKED = 41;
export const OP_REPLY = 42;
export const OP_DEFERRED = 43;
export const OP_ACK_CREDIT = 44;
export const OP_GIVE = 45;
export const OP_PROBE = 46;
export const OP_GAP = 47;
export const OP_SLICE_READ = 48;
export const OP_SOUGHT = 49;
export const OP_HOLDS = 50;
export const OP_DRY = 51;
export const OP_TOPIC_MADE = 52;
export const OP_FENCE = 53;
