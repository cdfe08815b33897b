// Goal: the in-memory log keeps the contract of the message log.
import t from 'tap';
import { systemClock } from '../../src/core/clock.js';
import { DEFAULT_LIMITS } from '../../src/core/limits.js';
import { MemoryLog } from '../../src/log/memory/memory-log.js';
import { suite } from './message-log.js';
import type { TestAppend } from './recording-sink.js';
import { RecordingSink } from './recording-sink.js';

suite(t, async (limits) => {
  const sink = new RecordingSink();
  const log = new MemoryLog<TestAppend>({
    limits: { ...DEFAULT_LIMITS, ...limits },
    clock: systemClock,
    sink,
    idBase: 3,
    idStep: 4,
  });
  await log.open();
  return { log, sink };
});
