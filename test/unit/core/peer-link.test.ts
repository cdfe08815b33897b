// Goal: parts that have no end are not put together for ever: beyond the bound the link begins anew, and what
// comes then is read as ever.
import t from 'tap';
import { type LinkHeader, PeerLink } from '../../../src/core/peer-link.js';

const WHOLE_BYTES_MAX = 100;

t.test('parts without an end reset the link at their bound, and not before', async (t) => {
  const sent: LinkHeader[] = [];
  const [read, resets]: [number[], string[]] = [[], []];
  let incarnation = 0;
  const link = new PeerLink({
    ...{ creditBytes: 1_000, partBytesMax: 40, wholeBytesMax: WHOLE_BYTES_MAX },
    incarnation: () => ++incarnation,
    send: (header) => sent.push(header),
    onRead: (bytes) => read.push(bytes.length),
    onUp: () => undefined,
    onReset: (cause) => resets.push(cause),
    onCredit: () => undefined,
  });
  const say = (mine: number, number: number, part: number, isPart: boolean): void => {
    const yours = sent.at(-1)?.mine ?? 0;
    const header = { mine, yours, number, heard: 0, isWanted: true, isPart };
    link.read(header, new Uint8Array(part));
  };
  link.want();
  say(7, 0, 0, false);
  t.ok(link.isUp);
  say(7, 1, 40, true);
  say(7, 2, 40, true);
  say(7, 3, 20, false);
  t.same([read, resets], [[100], []], 'as much as it may be');
  say(7, 4, 60, true);
  say(7, 5, 41, true);
  t.same([read, resets, link.isUp], [[100], ['overrun'], false]);
  say(8, 0, 0, false);
  say(8, 1, 100, false);
  t.same([read, resets], [[100, 100], ['overrun']]);
});
