// Goal: what is kept of bodies while their keys are looked up is given on as it came, whenever it is asked
// for, and is bounded for all of them together; one is always kept.

import type { HttpResponse } from 'uWebSockets.js';
import t from 'tap';
import { HeldBody, HeldBytes, type OnData } from '../../../../src/acceptor/http/held-body.js';

const MIB = 1024 * 1024;

/** A response as far as a body needs one, and what comes of it. */
function coming(held: HeldBytes) {
  let give: OnData = () => undefined;
  const res = {
    onData: (use: OnData) => {
      give = use;
    },
  } as unknown as HttpResponse;
  let tooMuch = 0;
  const body = new HeldBody(res, held, () => tooMuch++);
  const comes = (bytes: string | number, isLast = false): void => {
    const chunk = typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.alloc(bytes);
    const given = new Uint8Array(chunk).buffer;
    give(given, isLast);
    // uWS takes it back.
    new Uint8Array(given).fill(0);
  };
  const seen: [string, boolean][] = [];
  const read = (): void =>
    body.read((chunk, isLast) => seen.push([Buffer.from(chunk).toString(), isLast]));
  return { body, comes, read, seen, tooMuch: () => tooMuch };
}

t.test('what came before it is read comes first, then the rest', async (t) => {
  const { comes, read, seen } = coming(new HeldBytes());
  comes('a');
  comes('b');
  read();
  t.same(seen, [
    ['a', false],
    ['b', false],
  ]);
  comes('c', true);
  t.same(seen.at(-1), ['c', true]);
});

t.test('a body that was whole is whole', async (t) => {
  const { comes, read, seen } = coming(new HeldBytes());
  comes('a');
  comes('', true);
  read();
  t.same(seen, [
    ['a', false],
    ['', true],
  ]);
});

t.test('one that is larger than any route takes is given up, though it is alone', async (t) => {
  const { comes, tooMuch } = coming(new HeldBytes());
  comes(60 * MIB);
  t.equal(tooMuch(), 0);
  comes(5 * MIB);
  t.equal(tooMuch(), 1);
});

t.test('all of them together are bounded, one is always kept', async (t) => {
  const held = new HeldBytes();
  const [one, other] = [coming(held), coming(held)];
  one.comes(20 * MIB);
  t.equal(one.tooMuch(), 0, 'whatever its size');
  other.comes(1);
  other.comes(1);
  t.equal(other.tooMuch(), 1, 'told once');
  one.read();
  const third = coming(held);
  third.comes(15 * MIB);
  const fourth = coming(held);
  fourth.comes(MIB);
  t.equal(third.tooMuch() + fourth.tooMuch(), 0, 'what is read is given back');
  third.body.giveUp();
  third.comes(MIB);
  fourth.comes(14 * MIB);
  t.equal(fourth.tooMuch(), 0, 'and what is given up');
});
