import { CPU, PUBLISHES } from '../figure.js';
import { goal, reaches } from '../goal.js';
import type { LoadOptions } from '../loadgen.js';
import type { Entry, LoadWork, Scenario } from '../scenario.js';

export const websocket: Scenario = {
  name: 'websocket',
  measures: 'Publishes over 64 WebSockets in msgpack, each with 16, 64 or 256 outstanding.',
  figure: PUBLISHES,
  goals: [16, 64, 256].map((window) =>
    goal(
      `durable, ${window} outstanding >= 150,000/s with <= 8 us of CPU a message`,
      reaches(`durable, window ${window}`, PUBLISHES, 150_000),
      reaches(`durable, window ${window}`, CPU, 8),
    ),
  ),
  entries: [
    ...[16, 64, 256].flatMap((window): Entry[] => {
      const isQuick = window === 64 ? { quick: {} } : {};
      return [
        {
          name: `bare-uws, window ${window}`,
          contender: 'bare-uws',
          work: work({ publish: 'ws-raw', window }),
          ...isQuick,
        },
        {
          name: `durable, window ${window}`,
          contender: 'conduit',
          work: work({ publish: 'ws-msgpack', window }),
          against: `bare-uws, window ${window}`,
          ...isQuick,
        },
      ];
    }),
    {
      name: 'memory, window 64',
      contender: 'conduit-memory',
      work: work({ publish: 'ws-msgpack', window: 64 }),
      against: 'bare-uws, window 64',
    },
    {
      name: 'redis-stream, window 16',
      contender: 'redis-stream',
      work: work({ publish: 'redis-stream', window: 16 }),
      against: 'bare-uws, window 16',
      peer: true,
    },
    {
      name: 'jetstream, window 16',
      contender: 'jetstream',
      work: work({ publish: 'jetstream', window: 16 }),
      against: 'bare-uws, window 16',
      peer: true,
    },
  ],
};

function work(load: LoadOptions): LoadWork {
  return { kind: 'load', count: 'published', load: { publishers: 64, ...load } };
}
