// One topic, many subscribers over WebSocket: does each receive each message, and how soon?
//   k6 run -e SUBSCRIBERS=1000 ops/k6/fanout.js
// Few virtual users have many sockets each: k6/websockets gives each of them an event loop.
import { check } from 'k6';
import exec from 'k6/execution';
import http from 'k6/http';
import { Counter, Rate, Trend } from 'k6/metrics';
import { setTimeout } from 'k6/timers';
import { WebSocket } from 'k6/websockets';
import { BASE_URL, HEADERS, makeTopic, numberOf, summary, WS_URL } from './settings.js';

const SUBSCRIBERS = numberOf('SUBSCRIBERS', 1_000);
const VUS = Math.min(numberOf('VUS', 10), SUBSCRIBERS);
const PUBLISH_S = numberOf('PUBLISH_S', 30);
/** Time for all to connect and subscribe before the first publish. */
const CONNECT_S = numberOf('CONNECT_S', 10);
/** Time for the last messages to arrive. */
const DRAIN_S = numberOf('DRAIN_S', 5);

export const options = {
  scenarios: {
    subscribers: {
      executor: 'per-vu-iterations',
      exec: 'subscribers',
      vus: VUS,
      iterations: 1,
      maxDuration: `${CONNECT_S + PUBLISH_S + DRAIN_S + 30}s`,
    },
    publish: {
      executor: 'constant-arrival-rate',
      exec: 'publish',
      startTime: `${CONNECT_S}s`,
      rate: numberOf('RATE', 100),
      timeUnit: '1s',
      duration: `${PUBLISH_S}s`,
      preAllocatedVUs: numberOf('PRE_VUS', 10),
      maxVUs: numberOf('MAX_VUS', 100),
    },
  },
  thresholds: {
    fanout_complete: ['rate==1'],
    fanout_missing: ['count==0'],
    'http_req_failed{kind:publish}': ['rate<0.01'],
  },
  summaryTrendStats: ['avg', 'med', 'p(95)', 'p(99)', 'max'],
};

const received = new Counter('fanout_received');
const missing = new Counter('fanout_missing');
/** Of the subscribers: got all that was published since they subscribed. */
const complete = new Rate('fanout_complete');
/** From just before the publish was sent; both clocks are this machine's. */
const latency = new Trend('fanout_latency', true);

const topic = __ENV.TOPIC || 'k6.fanout';

export function setup() {
  makeTopic(topic);
}

export function subscribers() {
  const isMore = exec.scenario.iterationInTest < SUBSCRIBERS % VUS;
  const mine = Math.floor(SUBSCRIBERS / VUS) + (isMore ? 1 : 0);
  for (let n = 0; n < mine; n++) subscriber();
}

function subscriber() {
  const socket = new WebSocket(WS_URL, null, { headers: HEADERS, tags: { kind: 'fanout' } });
  let last = -1;
  let lost = 0;
  let isJudged = false;

  socket.addEventListener('open', () => {
    socket.send(JSON.stringify({ type: 'subscribe', topic }));
    setTimeout(
      () => {
        judge();
        socket.close();
      },
      (CONNECT_S + PUBLISH_S + DRAIN_S) * 1_000,
    );
  });
  socket.addEventListener('message', (event) => {
    if (!('data' in event) || typeof event.data !== 'string') return;
    const frame = JSON.parse(event.data);
    if (frame.type === 'subscribed') last = frame.sequence;
    if (frame.type !== 'message') return;
    // Whoever was given a message again has it already.
    if (frame.sequence <= last) return;
    lost += frame.sequence - last - 1;
    last = frame.sequence;
    received.add(1);
    latency.add(Date.now() - frame.payload.sent_at);
  });
  socket.addEventListener('close', judge);
  socket.addEventListener('error', judge);

  // What the topic has, this subscriber has: else it misses the rest.
  function judge() {
    if (isJudged) return;
    isJudged = true;
    const { status, body } = http.get(`${BASE_URL}/api/topics/${topic}`, {
      headers: HEADERS,
      tags: { kind: 'head' },
    });
    const head = status === 200 ? JSON.parse(String(body)).sequence : Number.NaN;
    const behind = last === -1 ? Number.NaN : head - last;
    if (behind + lost > 0) missing.add(behind + lost);
    complete.add(behind + lost === 0);
  }
}

export function publish() {
  const payload = { sent_at: Date.now() };
  const answer = http.post(`${BASE_URL}/api/publish`, JSON.stringify({ topic, payload }), {
    headers: HEADERS,
    tags: { kind: 'publish' },
  });
  check(answer, { 'stored (200)': ({ status }) => status === 200 });
}

/** @param {any} data */
export function handleSummary(data) {
  return summary('fan-out', data);
}
