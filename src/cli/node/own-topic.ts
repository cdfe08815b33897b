/** A topic that a command made for itself: it is deleted again, and what is left over is told. */
import { CommandFailure } from '../terminal/failure.js';
import type { NodeApi } from './node-api.js';

/** Null when it is gone, or never was; else that it is still there, and why. Never rejects. */
export async function removeOwnTopic(api: NodeApi, topic: string): Promise<string | null> {
  try {
    await api.ask(`/api/topics/${encodeURIComponent(topic)}`, { method: 'DELETE' });
    return null;
  } catch (error) {
    const { exitCode = 1, message = String(error) } = error instanceof CommandFailure ? error : {};
    return exitCode === 5 ? null : `the topic ${topic} may be left over: ${message}`;
  }
}
