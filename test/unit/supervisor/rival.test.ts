// Goal: a life of this node that was killed a moment ago is no other node, and one that lives is.
import t from 'tap';
import { Rival } from '../../../src/supervisor/rival.js';

const at = (renewals: number, bootId = 'one') => ({ bootId, renewals, addr: 'h:1', leftMs: 500 });

t.test('it lives when it has renewed its lease twice before our eyes', async (t) => {
  const rival = new Rival();
  const seen = [at(7), at(7), at(8), at(8), at(9)].map((holder) => rival.lives(holder));
  t.same(seen, [false, false, false, false, true]);
});

t.test('one renewal may have been under way when it died', async (t) => {
  const rival = new Rival();
  for (const renewals of [7, 8, 8, 8, 8]) t.notOk(rival.lives(at(renewals)));
});

t.test('another one begins anew, and so does one that was gone', async (t) => {
  const rival = new Rival();
  for (const holder of [at(7), at(8), at(9, 'two'), at(10, 'two')]) t.notOk(rival.lives(holder));
  rival.forget();
  t.notOk(rival.lives(at(11, 'two')));
});
