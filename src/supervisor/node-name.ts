/**
 * The name of this node, from before it starts until its process ends. Where NODE_ID says nothing it is the
 * host's, which on Linux the kernel holds for the first node of the host: the next is `<host name>-<port>`.
 * One that was killed holds it no longer, so whoever takes its place has its name at once.
 */
import type { Config } from '../config/config.js';
import { holdName } from './abstract-socket.js';

export interface NodeName {
  id: string;
  stop(): Promise<void>;
}

/** The port must be this node's already. */
export async function claimNodeName({
  nodeId,
  nodeIdFrom,
  port,
}: Pick<Config, 'nodeId' | 'nodeIdFrom' | 'port'>): Promise<NodeName> {
  if (nodeIdFrom === 'NODE_ID') return { id: nodeId, stop: () => Promise.resolve() };
  const held = await holdName(`conduit/node/${nodeId}`);
  if (held !== null) return { id: nodeId, stop: () => held.release() };
  return { id: `${nodeId}-${port}`, stop: () => Promise.resolve() };
}
