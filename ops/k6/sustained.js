// How many publishes a second a node takes for as long as the run lasts: each answered after its COMMIT.
//   k6 run ops/k6/sustained.js
//   k6 run -e RATE=25000 -e PRE_VUS=500 -e MAX_VUS=2500 ops/k6/sustained.js     to find the ceiling
import { check } from 'k6';
import http from 'k6/http';
import { BASE_URL, HEADERS, makeTopic, numberOf, summary } from './settings.js';

export const options = {
  scenarios: {
    publish: {
      executor: 'constant-arrival-rate',
      rate: numberOf('RATE', 1_000),
      timeUnit: '1s',
      duration: __ENV.DURATION || '2m',
      preAllocatedVUs: numberOf('PRE_VUS', 100),
      maxVUs: numberOf('MAX_VUS', 500),
    },
  },
  thresholds: {
    'http_req_duration{kind:publish}': ['p(95)<100'],
    'http_req_failed{kind:publish}': ['rate<0.01'],
    checks: ['rate>0.99'],
  },
  summaryTrendStats: ['avg', 'med', 'p(95)', 'p(99)', 'max'],
};

const topic = __ENV.TOPIC || 'k6.sustained';

export function setup() {
  makeTopic(topic);
}

export default function publish() {
  const payload = { order_id: `${__VU}-${__ITER}`, amount: 99.95 };
  const answer = http.post(`${BASE_URL}/api/publish`, JSON.stringify({ topic, payload }), {
    headers: HEADERS,
    tags: { kind: 'publish' },
  });
  check(answer, {
    'stored (200)': ({ status }) => status === 200,
    'has its place in the topic': ({ status, body }) =>
      status === 200 && JSON.parse(String(body)).sequence > 0,
  });
}

/** @param {any} data */
export function handleSummary(data) {
  return summary('sustained', data);
}
