// Publishing goes on while nodes die: behind the load balancer, whose nodes somebody kills meanwhile.
//   ops/k6/kill-nodes.sh & k6 run -e BASE_URL=http://localhost:8000 ops/k6/node-failure.js
// A publish that failed is repeated with its dedupe key, as any publisher should: so it is stored once.
import { check } from 'k6';
import http from 'k6/http';
import { Counter, Rate } from 'k6/metrics';
import { BASE_URL, HEADERS, makeTopic, numberOf, summary } from './settings.js';

const DURATION = __ENV.DURATION || '3m';
const TRIES = 3;

export const options = {
  scenarios: {
    publish: {
      executor: 'constant-arrival-rate',
      exec: 'publish',
      rate: numberOf('RATE', 500),
      timeUnit: '1s',
      duration: DURATION,
      preAllocatedVUs: numberOf('PRE_VUS', 50),
      maxVUs: numberOf('MAX_VUS', 500),
    },
    health: {
      executor: 'constant-arrival-rate',
      exec: 'health',
      rate: 1,
      timeUnit: '1s',
      duration: DURATION,
      preAllocatedVUs: 2,
      maxVUs: 10,
    },
  },
  thresholds: {
    // Each request counts, and what its repetition came to.
    'http_req_failed{kind:publish}': ['rate<0.05'],
    publish_lost: ['rate<0.05'],
  },
  summaryTrendStats: ['avg', 'med', 'p(95)', 'p(99)', 'max'],
};

/** Of the messages: not stored after all tries. */
const lost = new Rate('publish_lost');
const passed = new Counter('health_checks_passed');
const failed = new Counter('health_checks_failed');

const topic = __ENV.TOPIC || 'k6.node-failure';
const run = __ENV.RUN || String(Date.now());

export function setup() {
  makeTopic(topic);
}

export function publish() {
  const body = JSON.stringify({ topic, payload: { run, vu: __VU, iteration: __ITER } });
  const headers = { ...HEADERS, 'Idempotency-Key': `${run}-${__VU}-${__ITER}` };
  let isStored = false;
  for (let n = 0; n < TRIES && !isStored; n++) {
    const answer = http.post(`${BASE_URL}/api/publish`, body, {
      headers,
      tags: { kind: 'publish' },
    });
    isStored = answer.status === 200;
  }
  lost.add(!isStored);
  check(isStored, { 'stored in the end': (ok) => ok });
}

export function health() {
  const { status } = http.get(`${BASE_URL}/api/health`, {
    headers: HEADERS,
    tags: { kind: 'health' },
  });
  (status === 200 ? passed : failed).add(1);
}

/** @param {any} data */
export function handleSummary(data) {
  return summary('node failure', data);
}
