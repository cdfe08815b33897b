// Goal: a client gets the coding that it weighs highest of those there are, ours first among equals, and
// never one that it refuses (RFC 9110, section 12.5.3).
import t from 'tap';
import { codingFor } from '../../../../src/acceptor/http/accept-encoding.js';

const CASES: readonly [acceptEncoding: string, coding: string | null][] = [
  ['', null],
  ['gzip, deflate, br, zstd', 'br'],
  ['gzip', 'gzip'],
  ['GZIP', 'gzip'],
  ['x-gzip', 'gzip'],
  ['zstd', null],
  ['identity', null],
  ['br;q=0.9', 'br'],
  ['br;q=0.001', 'br'],
  ['br; q=0.9', 'br'],
  ['br ;Q=1.000', 'br'],
  ['br;q=0.8, gzip;q=0.9', 'gzip'],
  ['gzip;q=0.8, br;q=0.8', 'br'],
  ['gzip;q=1.0, br;q=0.09', 'gzip'],
  ['br;q=0', null],
  ['br;q=0.0, gzip', 'gzip'],
  ['br;q=0.000, gzip;q=0', null],
  ['*', 'br'],
  ['*;q=0', null],
  ['*;q=0, gzip', 'gzip'],
  ['br;q=0, *', 'gzip'],
  ['gzip, *;q=0.5', 'gzip'],
  ['identity, br;q=0.5', null],
  ['identity;q=0.5, br;q=0.5', 'br'],
  ['identity;q=0.5, gzip;q=0.6, br;q=0.4', 'gzip'],
  ['identity;q=0, br;q=0.1', 'br'],
  ['identity;q=0', null],
  ['br;q=2', null],
  ['br;q=0.0001', null],
  ['br;q=x, gzip', 'gzip'],
  [',,br,', 'br'],
  ['gzip;level=9', null],
];

for (const [acceptEncoding, coding] of CASES) {
  t.equal(codingFor(acceptEncoding, ['br', 'gzip']), coding, acceptEncoding);
}
t.equal(codingFor('br, gzip', []), null, 'a file that was not compressed');
