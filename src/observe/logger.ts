/**
 * The logger: JSON lines on stderr, one an event. Every thread makes its own; pino writes
 * synchronously to the descriptor, so a line is out before the thread dies. Never on the path of a
 * message.
 */
import type { Logger } from 'pino';
import { destination, pino } from 'pino';
import type { LogLevel } from '../config/config.js';

export type { Logger } from 'pino';

/** `bindings` stand in every line. */
export function createLogger(level: LogLevel, bindings: Record<string, unknown>): Logger {
  return pino({ level, base: bindings }, destination({ fd: 2, sync: true }));
}
