/**
 * Where a subscription begins: the one grammar of it, for `start` of a frame, for the body of a seek and
 * for the query of a stream of events. `from` may be left out where a sequence or a time says it. Pure.
 */
import { isEpoch } from '../core/epoch.js';
import type { RequestError } from '../core/errors.js';
import { parseRfc3339 } from '../core/time.js';

/** `sequence`: 0 to 2^53-1; `timeMs`: Unix milliseconds. */
export type StartPosition =
  | { from: 'latest' | 'earliest' }
  | { from: 'sequence'; sequence: number; epoch: string | null }
  | { from: 'time'; timeMs: number };

/** As sent, each of its type; null: left out. */
export interface StartParts {
  from: string | null;
  sequence: number | null;
  epoch: string | null;
  time: string | null;
}

export type StartPart = keyof StartParts;

/** What the caller answers: it knows what the parts are called where they came from. */
type Refuse = (part: StartPart, detail: string) => RequestError;

const RULE = 'takes latest, earliest, or a sequence (with an epoch), or a time';

/** Throws what `refuse` makes of the part that is missing, wrong, or contradicts another. */
export function startOf(parts: StartParts, refuse: Refuse): StartPosition {
  const { sequence, epoch, time } = parts;
  const from = parts.from ?? impliedFrom(parts);
  switch (from) {
    case 'latest':
    case 'earliest':
      refuseBeside(parts, ['sequence', 'epoch', 'time'], refuse);
      return { from };
    case 'sequence':
      refuseBeside(parts, ['time'], refuse);
      if (sequence === null) throw refuse('sequence', 'is required');
      if (epoch === null || isEpoch(epoch)) return { from, sequence, epoch };
      throw refuse('epoch', 'must be 1 to 32 characters of 0-9 a-z');
    case 'time': {
      refuseBeside(parts, ['sequence', 'epoch'], refuse);
      const timeMs = parseRfc3339(time ?? '');
      if (timeMs !== null) return { from, timeMs };
      throw refuse('time', 'must be an RFC 3339 time');
    }
    default:
      if (from === null && epoch !== null) throw refuse('epoch', 'goes with a sequence');
      throw refuse('from', RULE);
  }
}

function impliedFrom({ sequence, time }: StartParts): string | null {
  if (sequence !== null) return 'sequence';
  return time === null ? null : 'time';
}

/** Of two places one would be dropped. */
function refuseBeside(parts: StartParts, others: readonly StartPart[], refuse: Refuse): void {
  const other = others.find((part) => parts[part] !== null);
  if (other === undefined) return;
  const what = parts.from === null ? 'what else is given' : `from ${parts.from}`;
  throw refuse(other, `does not go with ${what}`);
}
