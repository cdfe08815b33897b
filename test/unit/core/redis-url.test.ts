// Goal: each form of a REDIS_URL is read as it is meant, and what is wrong with one is said in a line without
// a piece of it.
import t from 'tap';
import { parseRedisUrl, redisUrlTrouble } from '../../../src/core/redis-url.js';

const NONE = {
  user: null,
  password: null,
  master: null,
  sentinelUser: null,
  sentinelPassword: null,
};

t.test('one server', async (t) => {
  t.same(parseRedisUrl('redis://h'), {
    ...NONE,
    ...{ kind: 'server', tls: false, places: [{ host: 'h', port: 6379 }] },
  });
  t.match(parseRedisUrl('rediss://me:a%40b%2F@[::1]:6380/0'), {
    ...{ kind: 'server', tls: true, places: [{ host: '::1', port: 6380 }] },
    ...{ user: 'me', password: 'a@b/' },
  });
  t.match(parseRedisUrl('redis://:secret@h/3'), { user: null, password: 'secret' });
});

t.test('some of a cluster', async (t) => {
  t.match(parseRedisUrl('rediss+cluster://u:p@a,b:7000,[fe80::1]:7001'), {
    ...{ kind: 'cluster', tls: true, user: 'u', password: 'p', master: null },
    places: [
      { host: 'a', port: 6379 },
      { host: 'b', port: 7000 },
      { host: 'fe80::1', port: 7001 },
    ],
  });
});

t.test('Sentinels, and whom they watch', async (t) => {
  t.match(
    parseRedisUrl('redis+sentinel://u:p@a,b:1/main-1?sentinel_user=s&sentinel_password=x%26y'),
    {
      ...{ kind: 'sentinel', tls: false, user: 'u', password: 'p', master: 'main-1' },
      ...{ sentinelUser: 's', sentinelPassword: 'x&y' },
      places: [
        { host: 'a', port: 26379 },
        { host: 'b', port: 1 },
      ],
    },
  );
});

const SECRET = 'S3CRET';
const WRONG: [url: string, trouble: RegExp][] = [
  ['redis://', /names no host/],
  ['redis+cluster://u:S3CRET@', /names no host/],
  ['redis://a,b', /names several hosts: begin it with redis\+cluster:\/\/ or redis\+sentinel/],
  ['redis+cluster://a,,b', /cannot be read as a URL/],
  ['redis+cluster://a:99999', /cannot be read as a URL/],
  ['redis+cluster://a/0', /has a path after the host/],
  ['redis+sentinel://a', /names no master: .*as \/mymaster/],
  ['redis+sentinel://a/S3CRET b', /cannot be read as a URL/],
  ['redis+sentinel://a/m?db=S3CRET', /has parameters that it does not take/],
  ['redis+cluster://a?sentinel_password=S3CRET', /has parameters that it does not take/],
  ['redis://h?S3CRET=1', /has parameters that it does not take/],
  ['redis://u:S3CRET%@h', /cannot be read as a URL; in a user name or password write #/],
  ['redis+sentinel://u:S3CRET@S3CRET@h/m', /cannot be read as a URL/],
  [`redis+cluster://${Array.from({ length: 65 }, (_, n) => `h${n}`).join()}`, /more than 64/],
];

for (const [url, trouble] of WRONG) {
  t.test(`refused: ${url.slice(0, 50)}`, async (t) => {
    const line = redisUrlTrouble(url) ?? '';
    t.match(line, trouble);
    t.notMatch(line, SECRET);
    t.notMatch(line, /\n/);
  });
}
