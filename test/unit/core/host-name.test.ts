// Goal: what a Host header names is read strictly, and only what can mean nothing but this machine is
// loopback.
import t from 'tap';
import { hostNameOf, isAddress, isLoopback } from '../../../src/core/host-name.js';

t.test('the name in a Host header', async (t) => {
  const cases: [header: string, name: string | null][] = [
    ['localhost', 'localhost'],
    ['LocalHost:8080', 'localhost'],
    ['[::1]:80', '[::1]'],
    ['a.example:65535', 'a.example'],
    ['', null],
    [':80', null],
    ['a:b', null],
    ['a:123456', null],
    ['a b', null],
    ['user@a', null],
    ['a/b', null],
    ['[::1', null],
    ['::1', null],
    ['a,b', 'a,b'],
  ];
  for (const [header, name] of cases) t.equal(hostNameOf(header), name, header);
});

t.test('loopback, and addresses', async (t) => {
  for (const name of ['localhost', 'a.localhost', '127.0.0.1', '127.9.9.9', '[::1]', '::1']) {
    t.ok(isLoopback(name), name);
  }
  for (const name of [
    '127.0.0.1.example',
    'localhost.example',
    'notlocalhost',
    '0.0.0.0',
    '',
    '.localhost',
  ]) {
    t.notOk(isLoopback(name), name);
  }
  for (const name of ['10.0.0.1', '[fe80::1]']) t.ok(isAddress(name), name);
  for (const name of ['10.0.0.1.nip.io', 'a', '1.2.3']) t.notOk(isAddress(name), name);
});
