// Goal: where a subscription begins is said in one way, whether a frame, a seek or a stream asks: what each
// part may be, which go together, and which part is named when they do not.
import t from 'tap';
import { RequestError } from '../../../src/core/errors.js';
import { type StartParts, type StartPosition, startOf } from '../../../src/wire/start.js';
import { errorOf } from './outcome.js';

const NOTHING: StartParts = { from: null, sequence: null, epoch: null, time: null };
const TIME = '2026-01-01T00:00:00Z';

const startAt = (parts: Partial<StartParts>): StartPosition =>
  startOf({ ...NOTHING, ...parts }, (part, text) => new RequestError('bad_cursor', text, part));

const TAKEN: readonly [Partial<StartParts>, StartPosition][] = [
  [{ from: 'latest' }, { from: 'latest' }],
  [{ from: 'earliest' }, { from: 'earliest' }],
  [{ sequence: 0 }, { from: 'sequence', sequence: 0, epoch: null }],
  [
    { sequence: 5, epoch: '1a' },
    { from: 'sequence', sequence: 5, epoch: '1a' },
  ],
  [
    { from: 'sequence', sequence: 5 },
    { from: 'sequence', sequence: 5, epoch: null },
  ],
  [{ time: TIME }, { from: 'time', timeMs: Date.parse(TIME) }],
  [
    { from: 'time', time: TIME },
    { from: 'time', timeMs: Date.parse(TIME) },
  ],
];

const REFUSED: readonly [Partial<StartParts>, field: string][] = [
  [{}, 'from'],
  [{ from: '' }, 'from'],
  [{ from: 'middle' }, 'from'],
  [{ from: 'sequence' }, 'sequence'],
  [{ from: 'time' }, 'time'],
  [{ time: 'soon' }, 'time'],
  [{ epoch: '1a' }, 'epoch'],
  [{ sequence: 1, epoch: 'NO' }, 'epoch'],
  [{ sequence: 1, epoch: '' }, 'epoch'],
  [{ from: 'latest', sequence: 1 }, 'sequence'],
  [{ from: 'earliest', epoch: '1a' }, 'epoch'],
  [{ from: 'latest', time: TIME }, 'time'],
  [{ sequence: 1, time: TIME }, 'time'],
  [{ from: 'sequence', time: TIME }, 'time'],
  [{ from: 'time', sequence: 1, time: TIME }, 'sequence'],
  [{ time: TIME, epoch: '1a' }, 'epoch'],
];

t.test('what is taken', async (t) => {
  for (const [parts, position] of TAKEN) t.same(startAt(parts), position, JSON.stringify(parts));
});

t.test('what is refused names the part at fault', async (t) => {
  for (const [parts, field] of REFUSED) {
    t.equal(errorOf(() => startAt(parts)).field, field, JSON.stringify(parts));
  }
});
