/** All scenarios, in the order of a run. */
import type { Scenario } from '../scenario.js';
import { acks } from './acks.js';
import { attack } from './attack.js';
import { batch } from './batch.js';
import { fanOut } from './fan-out.js';
import { heldSnapshot } from './held-snapshot.js';
import { idle } from './idle.js';
import { latency } from './latency.js';
import { payload } from './payload.js';
import { publish } from './publish.js';
import { quiet } from './quiet.js';
import { recovery } from './recovery.js';
import { replay } from './replay.js';
import { sustained } from './sustained.js';
import { telemetry } from './telemetry.js';
import { tenants } from './tenants.js';
import { topics } from './topics.js';
import { twoNodes } from './two-nodes.js';
import { websocket } from './websocket.js';
import { workers } from './workers.js';

export const SCENARIOS: readonly Scenario[] = [
  sustained,
  publish,
  fanOut,
  acks,
  latency,
  batch,
  websocket,
  replay,
  topics,
  quiet,
  heldSnapshot,
  attack,
  tenants,
  telemetry,
  payload,
  idle,
  workers,
  twoNodes,
  recovery,
];
