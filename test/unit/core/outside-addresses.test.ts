// Goal: nobody reaches the inside of the operator's network by a webhook, however he writes its address; what
// WEBHOOK_ALLOW says may be called, and nothing beside it.
import t from 'tap';
import { OutsideAddresses } from '../../../src/core/outside-addresses.js';
import { addressIn, webhookUrl } from '../../../src/wire/webhook-url.js';

const outside = new OutsideAddresses(null);

const INSIDE = [
  ...['0.0.0.0', '0.1.2.3', '10.0.0.1', '10.255.255.255', '100.64.0.1', '100.127.255.255'],
  ...['127.0.0.1', '127.255.0.1', '169.254.169.254', '172.16.0.1', '172.31.255.255'],
  ...['192.0.0.192', '192.168.0.1', '198.18.0.1', '198.19.255.255', '192.0.2.1', '203.0.113.9'],
  ...['224.0.0.1', '239.255.255.255', '240.0.0.1', '255.255.255.255', '168.63.129.16'],
  ...[
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:10.0.0.1',
    '::7f00:1',
    '::127.0.0.1',
  ],
  ...['64:ff9b::7f00:1', '64:ff9b:1::1', '100::1', '2001::1', '2001:db8::1', '2002:7f00:1::1'],
  ...['2002:a00:1::', '3fff::1', 'fc00::1', 'fd00:ec2::254', 'fe80::1', 'fec0::1', 'ff02::1'],
  ...['fe80::1%eth0', '127.1', '2130706433', '', 'localhost', '1.2.3', '01.2.3.4'],
];
const OUTSIDE = [
  ...['1.1.1.1', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '126.255.255.255'],
  ...['128.0.0.1', '169.253.0.1', '172.15.0.1', '172.32.0.1', '192.167.0.1', '198.17.0.1'],
  ...[
    '223.255.255.255',
    '::ffff:8.8.8.8',
    '2606:4700::1111',
    '2a00:1450:4001::1',
    '2001:4860::8888',
  ],
];

t.test('inside and outside', async (t) => {
  for (const address of INSIDE) t.notOk(outside.mayCall(address), address);
  for (const address of OUTSIDE) t.ok(outside.mayCall(address), address);
});

/** As the parser of URLs reads them. */
const HOSTILE = [
  ...['http://127.0.0.1/', 'http://0x7f.1/', 'http://0177.0.0.1/', 'http://2130706433/'],
  ...['http://017700000001/', 'http://127.1/', 'http://0/', 'http://0x0/', 'http://127.0.0.1./'],
  ...[
    'http://[::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[::ffff:7f00:1]/',
    'http://[0:0:0:0:0:0:0:1]/',
  ],
  ...[
    'http://[::127.0.0.1]/',
    'http://169.254.169.254/latest/meta-data/',
    'http://[fd00:ec2::254]/',
  ],
  ...[
    'http://①②⑦.⓪.⓪.①/',
    'http://127。0。0。1/',
    'https://10.0.0.1:8443/',
    'http://%31%32%37.0.0.1/',
  ],
];

t.test('a URL that is an address inside is refused as it comes in', async (t) => {
  for (const url of HOSTILE) {
    const refused = { code: 'invalid_field', field: 'url' };
    t.throws(() => webhookUrl(url, (address) => outside.mayCall(address)), refused, url);
  }
  t.equal(addressIn(new URL('https://example.com')), null, 'a name has to be looked up');
  t.equal(
    webhookUrl('HTTPS://Example.com/a#b', () => false),
    'https://example.com/a',
  );
});

t.test('WEBHOOK_ALLOW opens what it says', async (t) => {
  const some = new OutsideAddresses('10.1.0.0/16,fd00::/8,127.0.0.1');
  for (const address of ['10.1.2.3', 'fd00::1', '127.0.0.1', '::ffff:10.1.2.3', '8.8.8.8']) {
    t.ok(some.mayCall(address), address);
  }
  for (const address of ['10.2.0.1', 'fc00::1', '127.0.0.2', '::1', '169.254.169.254']) {
    t.notOk(some.mayCall(address), address);
  }
});
