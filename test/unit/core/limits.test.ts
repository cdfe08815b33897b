// Goal: the limits of the wire contract are what it says where nobody sets them, each under its name.
import t from 'tap';
import { DEFAULT_LIMITS, LIMITS, type LimitName, variableOf } from '../../../src/core/limits.js';

const KIB = 1_024;
const MIB = 1_024 * KIB;

const CONTRACT: Readonly<Record<string, number>> = {
  PAYLOAD_BYTES_MAX: 256 * KIB,
  PUBLISH_BODY_BYTES_MAX: 320 * KIB,
  BATCH_BODY_BYTES_MAX: 4 * MIB,
  BATCH_ITEMS_MAX: 1_000,
  FRAME_BYTES_MAX: 16 * KIB,
  WS_MESSAGE_BYTES_MAX: MIB,
  TOPIC_NAME_BYTES_MAX: 255,
  PAGE_ITEMS_MAX: 1_000,
  DEPTH_MAX: 64,
  SUBSCRIPTIONS_PER_SESSION_MAX: 128,
  IN_FLIGHT_MAX: 256,
  SEND_BUFFER_BYTES_MAX: MIB,
  SESSIONS_MAX: 50_000,
  TOPICS_PER_TENANT_MAX: 10_000,
  KEYS_PER_TENANT_MAX: 100,
  KEY_BYTES_MAX: 255,
  DEDUPE_KEY_BYTES_MAX: 255,
  HEADER_PAIRS_MAX: 32,
  HEADER_BYTES_MAX: 4 * KIB,
  IDLE_TIMEOUT_S: 60,
  PING_INTERVAL_S: 25,
  WRITE_DEADLINE_MS: 10_000,
  ACK_WAIT_MS: 1_000,
  MAX_DELIVER: 5,
  RETENTION_HOURS: 168,
  DEDUPE_WINDOW_MS: 120_000,
};

t.test('defaults are those of the contract', async (t) => {
  const names = Object.keys(LIMITS) as LimitName[];
  for (const [variable, value] of Object.entries(CONTRACT)) {
    const name = names.find((one) => variableOf(one) === variable);
    t.equal(name === undefined ? undefined : DEFAULT_LIMITS[name], value, variable);
  }
  t.equal(LIMITS.inFlightMax.max, 1_000, 'a window is no larger');
});
