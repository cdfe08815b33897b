// Goal: one address has one text, whichever way it came; a block has the addresses that share its bits; what
// is neither is told apart.
import t from 'tap';
import {
  AddressBlocks,
  addressOf,
  addressOfBytes,
  isAddressBlock,
  networkOf,
} from '../../../src/core/network-address.js';

const ADDRESSES: readonly [text: string, address: string | null][] = [
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::FFFF:C000:0201', '192.0.2.1'],
  ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
  ['2001:db8::1', '2001:db8::1'],
  ['::', '::'],
  ['', null],
  ['192.0.2', null],
  ['192.0.2.256', null],
  ['192.0.2.1:80', null],
  ['[::1]', null],
  ['fe80::1%eth0', null],
  ['unknown', null],
  ['localhost', null],
];

t.test('an address has one text', async (t) => {
  for (const [text, address] of ADDRESSES) t.equal(addressOf(text), address, text);
});

t.test('bytes are the same address', async (t) => {
  const v6 = Uint8Array.from([0x20, 0x01, 0x0d, 0xb8, ...Array<number>(11).fill(0), 1]);
  const mapped = Uint8Array.from([...Array<number>(10).fill(0), 255, 255, 192, 0, 2, 1]);
  t.equal(addressOfBytes(Uint8Array.from([192, 0, 2, 1])), '192.0.2.1');
  t.equal(addressOfBytes(v6), '2001:db8::1');
  t.equal(addressOfBytes(mapped), '192.0.2.1');
  t.equal(addressOfBytes(new Uint8Array(0)), '', 'of a socket that is gone');
});

t.test('a customer counts as one', async (t) => {
  const same: [string, string][] = [
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff'],
    ['2001:db8::1', '2001:db8:0:0:1::'],
    ['::1', '::2'],
  ];
  for (const [one, other] of same) t.equal(networkOf(one), networkOf(other), `${one} ${other}`);
  const apart: [string, string][] = [
    ['192.0.2.1', '192.0.2.2'],
    ['2001:db8:1:2::1', '2001:db8:1:3::1'],
    ['2001:db8::1', '2001:db9::1'],
  ];
  for (const [one, other] of apart) t.not(networkOf(one), networkOf(other), `${one} ${other}`);
});

t.test('blocks', async (t) => {
  const list = ['10.0.0.0/8', '192.0.2.7', '2001:db8::/32', '::1', '172.16.5.1/12'];
  for (const text of list) t.ok(isAddressBlock(text), text);
  const blocks = new AddressBlocks(list);
  for (const inside of ['10.255.0.1', '192.0.2.7', '2001:db8:ffff::1', '::1', '172.31.0.1']) {
    t.ok(blocks.has(inside), inside);
  }
  for (const outside of ['11.0.0.1', '192.0.2.8', '2001:db9::1', '::2', '172.32.0.1', '', 'x']) {
    t.notOk(blocks.has(outside), outside);
  }
  const wrong = ['', '10.0.0.0/33', '::/129', '10.0.0.0/', '10.0.0.0/-1', '10/8', '/8', 'a/8'];
  for (const text of [...wrong, '10.0.0.0/8/8', '10.0.0.0/0x8', ' 10.0.0.1', 'fe80::1%0/64']) {
    t.notOk(isAddressBlock(text), text);
  }
});
