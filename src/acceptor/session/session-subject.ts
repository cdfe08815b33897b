/** Whom a handler of a WebSocket works for. */
import type { WebSocket } from 'uWebSockets.js';
import { CLOSE } from '../../core/errors.js';
import type { Subject } from '../http/guard.js';
import type { SocketData } from './session.js';

export function subjectOf(ws: WebSocket<SocketData>): Subject {
  const { session } = ws.getUserData();
  return session ?? { broken: () => ws.end(CLOSE.bug.closeCode, CLOSE.bug.reason) };
}

/** Of a handler that is called while uWS walks its subscribers: it dies when one of them leaves then. */
export function laterSubjectOf(ws: WebSocket<SocketData>): Subject {
  const subject = subjectOf(ws);
  return { broken: () => void setImmediate(() => subject.broken()) };
}
