/** A log in memory, as one topic worker of several opens it, and its stores. */
import { systemClock } from '../../../src/core/clock.js';
import { DEFAULT_LIMITS, type Limits } from '../../../src/core/limits.js';
import { MemoryLog } from '../../../src/log/memory/memory-log.js';
import { RecordingSink, type TestAppend } from '../../contract/recording-sink.js';
import type { OpenStore } from '../../contract/subscription-store.js';

export interface TestMemoryLog {
  log: MemoryLog<TestAppend>;
  sink: RecordingSink;
}

/** The caller closes its log. */
export async function openMemoryLog(limits: Partial<Limits> = {}): Promise<TestMemoryLog> {
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
}

/** The caller closes its log. */
export async function openMemoryStore(
  limits: Partial<Limits> = {},
): Promise<OpenStore & TestMemoryLog> {
  const { log, sink } = await openMemoryLog(limits);
  return {
    ...{ log, sink, store: log.subscriptions },
    forget: async (topic, sequence) => {
      const { lastSequence = 0 } = (await log.heads([topic.id])).get(topic.id) ?? {};
      const messages = lastSequence - sequence;
      await log.patchTopic(topic.key, { hours: null, messages, bytes: null });
    },
    rowsOf: async () => null,
  };
}
