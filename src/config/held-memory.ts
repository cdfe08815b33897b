/**
 * What clients can make a node hold for them: a message that is not whole yet, which uWebSockets keeps
 * and shows to nobody, and what they do not read. No one number bounds it, so it is worked out, printed,
 * and warned about.
 */
import { totalmem } from 'node:os';
import { isLoopback } from '../core/host-name.js';
import { WS_MESSAGE_TIMES_MAX } from '../core/limits.js';
import type { Config } from './config.js';

/** Answers wait beside what the socket holds, each within SEND_BUFFER_BYTES_MAX. */
const SEND_BUFFERS = 2;
/** A node that could be made to hold a larger share of the machine's memory says so. */
const SHARE_MAX = 0.5;
const GIB = 1_024 ** 3;

export interface HeldMemory {
  what: string;
  bytes: number;
  /** How it is worked out, from the variables. */
  from: string;
}

export function heldMemory({ limits }: Config): HeldMemory[] {
  const { sessionsMax, wsMessageBytesMax, sendBufferBytesMax } = limits;
  return [
    {
      what: 'WebSocket messages that are not whole',
      bytes: sessionsMax * wsMessageBytesMax * WS_MESSAGE_TIMES_MAX,
      from: `${WS_MESSAGE_TIMES_MAX} x SESSIONS_MAX x WS_MESSAGE_BYTES_MAX`,
    },
    {
      what: 'messages and answers that are not read',
      bytes: sessionsMax * sendBufferBytesMax * SEND_BUFFERS,
      from: `${SEND_BUFFERS} x SESSIONS_MAX x SEND_BUFFER_BYTES_MAX`,
    },
  ];
}

/** A paragraph for `conduit config`. */
export function heldMemoryTable(config: Config, machineBytes: number): string {
  const rows = heldMemory(config).map(
    ({ what, bytes, from }) => `  ${what.padEnd(39)} ${gib(bytes).padStart(11)}  ${from}`,
  );
  const title = `What sessions may hold at most, all together (this machine has ${gib(machineBytes)}):`;
  return [title, ...rows].join('\n');
}

/** For a node that others than this machine reach. */
export function heldMemoryWarnings(config: Config, machineBytes: number): string[] {
  const bytes = heldMemory(config).reduce((sum, one) => sum + one.bytes, 0);
  if (isLoopback(config.host.toLowerCase()) || bytes <= machineBytes * SHARE_MAX) return [];
  const { sessionsMax } = config.limits;
  return [
    `SESSIONS_MAX: ${sessionsMax} sessions can hold ${gib(bytes)} in unfinished messages and unread answers, ` +
      `this machine has ${gib(machineBytes)}; lower it, WS_MESSAGE_BYTES_MAX or SEND_BUFFER_BYTES_MAX ` +
      'where clients are not trusted (docs/security.md)',
  ];
}

/** Bytes of memory that this process may use: the machine's, or its container's. */
export function machineBytes(): number {
  const constrained = process.constrainedMemory();
  const total = totalmem();
  return constrained > 0 && constrained < total ? constrained : total;
}

function gib(bytes: number): string {
  return `${(bytes / GIB).toFixed(1)} GiB`;
}
