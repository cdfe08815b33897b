import { extra } from '../figure.js';
import type { Scenario } from '../scenario.js';

export const recovery: Scenario = {
  name: 'recovery',
  measures:
    'SIGKILL of the node under 5,000 publishes a second, and a start at once: seconds from the kill ' +
    'until the first answer, and until 10 new subscribers have everything from the earliest on.',
  figure: extra('first_answer_s', 'first answer after the kill', 's', 'lower'),
  goals: [],
  entries: [
    {
      name: 'durable',
      contender: 'conduit',
      work: {
        kind: 'recovery',
        load: { publish: 'http', publishers: 64, rate: 5_000 },
        subscribers: 10,
      },
      quick: {},
    },
  ],
};
