/** All that Conduit can be put beside. */
import type { Contender, SelfMeasured } from '../contender.js';
import { bareUws } from './bare-uws.js';
import { baseline, baselineInsert } from './baseline.js';
import { centrifugo, centrifugoPostgres, centrifugoRedis } from './centrifugo.js';
import { copy, copyTwo } from './copy.js';
import { jetstream, jetstreamAlways, nats } from './nats.js';
import { pgbench, pgbenchSingle } from './pgbench.js';
import { rabbitmq } from './rabbitmq.js';
import { redisPubsub, redisStream, redisStreamEverysec } from './redis.js';
import { skipLockedQueue } from './skip-locked-queue.js';

export type PeerName =
  | 'bare-uws'
  | 'baseline'
  | 'baseline-insert'
  | 'pgbench'
  | 'pgbench-single'
  | 'copy'
  | 'copy-2'
  | 'skip-locked-queue'
  | 'redis-stream'
  | 'redis-stream-everysec'
  | 'redis-pubsub'
  | 'nats'
  | 'jetstream'
  | 'jetstream-always'
  | 'rabbitmq'
  | 'centrifugo'
  | 'centrifugo-redis'
  | 'centrifugo-postgres';

export const PEERS: Readonly<Record<PeerName, Contender | SelfMeasured>> = {
  'bare-uws': bareUws,
  baseline,
  'baseline-insert': baselineInsert,
  pgbench,
  'pgbench-single': pgbenchSingle,
  copy,
  'copy-2': copyTwo,
  'skip-locked-queue': skipLockedQueue,
  'redis-stream': redisStream,
  'redis-stream-everysec': redisStreamEverysec,
  'redis-pubsub': redisPubsub,
  nats,
  jetstream,
  'jetstream-always': jetstreamAlways,
  rabbitmq,
  centrifugo,
  'centrifugo-redis': centrifugoRedis,
  'centrifugo-postgres': centrifugoPostgres,
};
