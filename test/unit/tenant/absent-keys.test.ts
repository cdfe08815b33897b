// Goal: an id that is not there is refused without a look-up for ten seconds to the millisecond, whether or
// not it was swept; what was swept takes no room; said anew, it begins anew.
import t from 'tap';
import { AbsentKeys } from '../../../src/tenant/absent-keys.js';

t.test('it ends on time, swept or not', async (t) => {
  const absent = new AbsentKeys();
  absent.add('a', 1_000);
  t.ok(absent.has('a', 10_999));
  t.notOk(absent.has('a', 11_000), 'nobody swept');
  t.equal(absent.size, 1);
  absent.sweep(10_999);
  t.equal(absent.size, 1);
  absent.sweep(11_000);
  t.equal(absent.size, 0);
});

t.test('one that is said anew is remembered for as long again', async (t) => {
  const absent = new AbsentKeys();
  absent.add('a', 0);
  absent.add('b', 5_000);
  absent.add('a', 9_000);
  absent.sweep(12_000);
  t.ok(absent.has('a', 18_999));
  t.ok(absent.has('b', 14_999));
  absent.sweep(15_000);
  t.equal(absent.size, 1, 'the oldest end first');
  absent.delete('a');
  t.notOk(absent.has('a', 9_001));
});
