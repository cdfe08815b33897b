/** Where other nodes reach what this one takes of them by HTTP. */
import type { Config } from '../config/config.js';

export type ForwardUrlConfig = Pick<
  Config,
  'nodeAddr' | 'internalSecret' | 'internalPort' | 'internalCaFile' | 'tlsCertFile'
>;

/** Begins their URLs; null: without INTERNAL_SECRET it takes nothing. */
export function forwardUrlOf(config: ForwardUrlConfig): string | null {
  const { nodeAddr, internalSecret, internalPort, internalCaFile, tlsCertFile } = config;
  if (internalSecret === null) return null;
  if (internalPort === null) return `http${tlsCertFile === null ? '' : 's'}://${nodeAddr}`;
  const host = nodeAddr.slice(0, nodeAddr.lastIndexOf(':'));
  return `http${internalCaFile === null ? '' : 's'}://${host}:${internalPort}`;
}
