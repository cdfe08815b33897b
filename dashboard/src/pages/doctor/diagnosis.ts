/**
 * Why messages of a topic do not arrive: what is looked at, in the order in which a message goes, up to the
 * first that stands in its way. Each says what it found, and what to do.
 */
import { ApiError, ask, withQuery } from '../../api/ask.js';
import { countText, durationText } from '../../api/texts.js';
import type {
  ApiKey,
  Caller,
  Health,
  KeyList,
  MessagePage,
  Session,
  SessionPage,
  Subscription,
  Topic,
  Trace,
} from '../../api/views.js';

export interface Finding {
  step: string;
  state: 'well' | 'failed';
  /** What was found. */
  text: string;
  /** What to do; '' where it is well. */
  advice: string;
}

export interface Suspect {
  topic: string;
  /** '': one without a name. */
  subscription: string;
  /** Of the key that the subscriber comes with; '': the one of whoever looks. */
  keyId: string;
  caller: Caller;
}

/** Bytes that wait for a socket: more than a moment's worth. */
const SLOW_BYTES = 64 * 1_024;
const SESSIONS_MAX = 200;
const WINDOW = 256;

type Step = (suspect: Suspect, found: Found) => Promise<Finding>;

/** What earlier steps have learnt. */
interface Found {
  topic?: Topic;
  subscription?: Subscription;
  sessions?: readonly Session[];
}

function well(step: string, text: string): Finding {
  return { step, state: 'well', text, advice: '' };
}

function failed(step: string, text: string, advice: string): Finding {
  return { step, state: 'failed', text, advice };
}

function covers(patterns: readonly string[] | null, topic: string): boolean {
  if (patterns === null) return true;
  return patterns.some((one) =>
    one.endsWith('.*') ? topic.startsWith(one.slice(0, -1)) : one === topic,
  );
}

async function findKey(id: string): Promise<ApiKey | null> {
  const query = { after: id.slice(0, -1), limit: 20 };
  const { keys } = await ask<KeyList>(`GET ${withQuery('/api/keys', query)}`);
  return keys.find((key) => key.id === id) ?? null;
}

const lookAtKey: Step = async ({ keyId, caller, topic }) => {
  const step = 'The key may subscribe';
  const key = keyId === '' ? caller : await findKey(keyId);
  const named = keyId === '' ? 'Your key' : `The key ${keyId}`;
  if (key === null) {
    return failed(
      step,
      `No key has the id ${keyId}`,
      'It was revoked or has ended: make another under Tenants & keys.',
    );
  }
  if (!key.scopes.includes('subscribe')) {
    const advice = 'Give the subscriber a key with the scope subscribe.';
    return failed(step, `${named} lacks the scope subscribe`, advice);
  }
  if (!covers(key.topics, topic)) {
    const patterns = (key.topics ?? []).join(', ');
    return failed(
      step,
      `${named} is for ${patterns} only`,
      `Give the subscriber a key that is for ${topic}.`,
    );
  }
  return well(step, `${named} has the scope, and is for this topic`);
};

const lookAtTopic: Step = async ({ topic }, found) => {
  const step = 'The topic is there';
  try {
    found.topic = await ask<Topic>(`GET /api/topics/${encodeURIComponent(topic)}`);
  } catch (error) {
    if (error instanceof ApiError && (error.status === 404 || error.status === 400)) {
      return failed(step, `There is no topic ${topic}`, 'Look at its spelling, or create it.');
    }
    throw error;
  }
  return well(step, `It was created ${found.topic.created_at}`);
};

const lookAtNode: Step = async () => {
  const step = 'The node and its log are well';
  const response = await fetch('/api/health');
  const health = (await response.json()) as Health;
  const wrong = Object.entries(health.checks ?? {}).filter(([, state]) => state !== 'ok');
  if (wrong.length === 0) return well(step, `${health.node ?? 'The node'}: all checks are ok`);
  const text = wrong.map(([what, state]) => `${what}: ${state}`).join('; ');
  return failed(step, text, 'See Nodes: nothing is sure to arrive before that is mended.');
};

const lookAtLog: Step = async (_suspect, { topic }) => {
  const step = 'Something was published';
  const sequence = topic?.sequence ?? 0;
  if (sequence > 0) return well(step, `The last message has the sequence ${countText(sequence)}`);
  return failed(
    step,
    'Nothing was ever published to it',
    'Look at the publisher: its answer names the topic that it uses.',
  );
};

const lookAtSubscription: Step = async ({ topic, subscription: name }, found) => {
  const step = 'The subscription is there';
  if (name === '') return well(step, 'One without a name is there as long as its session');
  try {
    const place = `/api/subscriptions/${encodeURIComponent(topic)}/${encodeURIComponent(name)}`;
    found.subscription = await ask<Subscription>(`GET ${place}`);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) {
      const advice = 'It is made by the first subscribe that names it; look at its spelling there.';
      return failed(step, `No subscription of ${topic} is called ${name}`, advice);
    }
    throw error;
  }
  return well(step, `It is settled up to ${countText(found.subscription.ack_floor)}`);
};

const lookAtPause: Step = async (_suspect, { subscription }) => {
  const step = 'It is not paused';
  if (subscription?.paused !== true) return well(step, 'It may be sent to');
  return failed(step, 'Somebody has paused it', 'Resume it, under Subscriptions.');
};

const lookAtSessions: Step = async ({ topic, subscription: name }, found) => {
  const step = 'Somebody is connected';
  const query = { topic, limit: SESSIONS_MAX };
  const { sessions } = await ask<SessionPage>(`GET ${withQuery('/api/sessions', query)}`);
  found.sessions = sessions.filter(({ subscriptions }) =>
    subscriptions.some((one) => one.topic === topic && (one.subscription ?? '') === name),
  );
  const count = Math.max(found.sessions.length, found.subscription?.sessions ?? 0);
  if (count > 0)
    return well(
      step,
      `${countText(count)} ${count === 1 ? 'session has' : 'sessions have'} it open`,
    );
  return failed(
    step,
    'No session has it open',
    'Start the subscriber, and look at what its subscribe is answered.',
  );
};

const lookAtSockets: Step = async (_suspect, { sessions = [] }) => {
  const step = 'Its socket takes what is sent';
  const slow = sessions.find(({ buffer_bytes: bytes }) => (bytes ?? 0) >= SLOW_BYTES);
  if (slow === undefined) return well(step, 'Nothing waits for it');
  const who = slow.client ?? slow.address;
  const text = `${countText(slow.buffer_bytes ?? 0)} bytes wait for ${who}, which does not read them`;
  return failed(
    step,
    text,
    'The client or its network is slow; after ten seconds without a byte it is closed (4008).',
  );
};

const lookAtWindow: Step = async ({ topic, subscription: name }, { sessions = [] }) => {
  const step = 'Its window has room';
  const all = sessions.flatMap(({ subscriptions }) => subscriptions);
  const own = all.filter((one) => one.topic === topic && (one.subscription ?? '') === name);
  const isFull = ({ in_flight: flight, max_in_flight: max }: (typeof own)[number]): boolean =>
    flight !== null && max !== null && flight >= max;
  const full = own.filter(isFull);
  if (full.length === 0 || full.length < own.length) return well(step, 'It may be given more');
  const text = `${countText(full[0]?.in_flight ?? WINDOW)} messages are with it, and none of them is acknowledged`;
  return failed(
    step,
    text,
    'The subscriber does not acknowledge: mend that, or give it a larger max_in_flight.',
  );
};

const lookAtRetries: Step = async ({ topic, subscription: name }, { subscription }) => {
  const step = 'Nothing waits for another attempt';
  if (subscription === undefined || subscription.lag === 0)
    return well(step, 'No attempt has failed');
  const query = { from_sequence: subscription.ack_floor + 1, limit: 1 };
  const place = `/api/topics/${encodeURIComponent(topic)}/messages`;
  const { messages } = await ask<MessagePage>(`GET ${withQuery(place, query)}`);
  const [next] = messages;
  if (next === undefined) return well(step, 'What is next is no longer in the log');
  const trace = await ask<Trace>(`GET /api/messages/${next.message_id}`);
  const delivery = trace.deliveries.find((one) => one.subscription === name);
  if (delivery?.state !== 'waiting' || delivery.next_attempt_at === undefined) {
    return well(step, `Sequence ${countText(next.sequence)} is next`);
  }
  const waitMs = Math.max(0, Date.parse(delivery.next_attempt_at) - Date.now());
  const said = delivery.last_error ?? 'it was not acknowledged in time';
  const text = `Sequence ${countText(next.sequence)} comes again in ${durationText(waitMs)}: ${said}`;
  return failed(
    step,
    text,
    'See the message for its attempts; the subscriber says why it fails in its nack.',
  );
};

const lookAtBacklog: Step = async (_suspect, { subscription, topic }) => {
  const step = 'It is up to date';
  if (subscription === undefined) return well(step, 'What is published now is sent at once');
  if (subscription.lag === 0) {
    return well(
      step,
      `All ${countText(topic?.sequence ?? 0)} messages are settled: it has arrived`,
    );
  }
  return well(
    step,
    `${countText(subscription.lag)} are on their way, ${countText(subscription.in_flight)} of them with it`,
  );
};

const STEPS: readonly Step[] = [
  lookAtTopic,
  lookAtKey,
  lookAtNode,
  lookAtLog,
  lookAtSubscription,
  lookAtPause,
  lookAtSessions,
  lookAtSockets,
  // What waits for another attempt is in the window, too.
  lookAtRetries,
  lookAtWindow,
  lookAtBacklog,
];

/** Up to the first that failed. Rejects with ApiError where something could not be looked at. */
export async function diagnose(suspect: Suspect): Promise<Finding[]> {
  const found: Found = {};
  const findings: Finding[] = [];
  for (const look of STEPS) {
    const finding = await look(suspect, found);
    findings.push(finding);
    if (finding.state === 'failed') break;
  }
  return findings;
}
