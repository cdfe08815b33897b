/** What a thread of the node is started with, made of what the node has. Pure. */
import type { MessagePort } from 'node:worker_threads';
import type { AcceptorStart, WorkerStart } from '../thread/control.js';
import type { Seat } from './seat.js';

/** A thread's ends of ports; null: it has none of that kind. */
export interface Ports {
  pools: MessagePort[];
  directory: MessagePort | null;
  /** Null: it is a worker. */
  roster: MessagePort | null;
  /** To the door for what other nodes forward. */
  entry: MessagePort | null;
  webhooks: MessagePort | null;
}

export type NodeStart = Pick<WorkerStart, 'topicCount' | 'living' | 'forwardTls'> &
  Pick<
    AcceptorStart,
    | 'config'
    | 'version'
    | 'bootId'
    | 'memory'
    | 'tokenSecret'
    | 'quotas'
    | 'startedAtMs'
    | 'sendsFor'
  >;

export function startData(
  { index, generation }: Pick<Seat, 'index' | 'generation'>,
  { pools, directory, roster, entry, webhooks }: Ports,
  node: NodeStart,
): WorkerStart | AcceptorStart {
  const { config, bootId, memory } = node;
  const common = { config, bootId, memory, index, generation };
  if (roster === null || webhooks === null) {
    const { topicCount, living, forwardTls } = node;
    const own = { topicCount, living, forwardTls, links: [], colds: pools };
    return { ...common, ...own, kind: 'worker' };
  }
  const { version, startedAtMs, tokenSecret, quotas, sendsFor } = node;
  const own = { browse: pools[0] ?? null, door: entry, directory, roster, webhooks, links: [] };
  return {
    ...common,
    version,
    startedAtMs,
    tokenSecret,
    quotas,
    sendsFor,
    ...own,
    kind: 'acceptor',
  };
}
