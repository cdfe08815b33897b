// Goal: a PostgreSQL URL means what it means to libpq; one that means nothing is told in one line that
// says what to do, and never has a piece of a password in it.
import t from 'tap';
import {
  databaseUrls,
  databaseUrlsTrouble,
  databaseUrlTrouble,
  describeDatabase,
  parseDatabaseUrl,
  withSslMode,
} from '../../../src/core/database-url.js';

/** The parts, without what the URL does not say. */
function parts(url: string): Record<string, unknown> {
  const { parameters, ...rest } = parseDatabaseUrl(url);
  const given = Object.entries(rest).filter(([, value]) => value !== null && value !== '');
  return { ...Object.fromEntries(given), sslmode: parameters.sslmode };
}

t.test('what a URL says', async (t) => {
  const d = { sslmode: null, host: 'h', database: 'd' };
  const cases: [url: string, says: Record<string, unknown>][] = [
    ['postgres://h/d', d],
    ['postgresql://u:p@h:5433/d', { ...d, user: 'u', password: 'p', port: 5433 }],
    ['postgres://u:a:b@h/d', { ...d, user: 'u', password: 'a:b' }],
    ['postgres://u%40x:p%23%2F%3F%25@h/d', { ...d, user: 'u@x', password: 'p#/?%' }],
    ['postgres://u@[::1]:5433/d', { ...d, user: 'u', host: '::1', port: 5433 }],
    ['postgres://u@h', { sslmode: null, user: 'u', host: 'h' }],
    ['postgres://u@h:/', { sslmode: null, user: 'u', host: 'h' }],
    ['postgres://', { sslmode: null }],
    ['postgres:///d', { sslmode: null, database: 'd' }],
    ['postgres:///d?host=/run/postgresql', { ...d, host: '/run/postgresql' }],
    ['postgres://%2Frun%2Fpostgresql/d', { ...d, host: '/run/postgresql' }],
    ['postgres://u@%2Fdata:5433/d', { ...d, user: 'u', host: '/data', port: 5433 }],
    ['postgres://%2Fa%2Cb/d', { ...d, host: '/a,b' }],
    ['postgres://?dbname=d&host=h&port=1&user=u', { ...d, port: 1, user: 'u' }],
    ['postgres://h/d?user=me@server&password=x', { ...d, user: 'me@server', password: 'x' }],
    ['postgres://h/d?sslmode=disable', { ...d, sslmode: 'disable' }],
    ['postgres://h/d?ssl=false', { ...d, sslmode: 'disable' }],
    ['postgres://h/d?ssl=true', { ...d, sslmode: 'require' }],
    ['postgres://h/d?sslmode=no-verify', { ...d, sslmode: 'require' }],
    ['postgres://h/d?sslmode=verify-full&options=-c%20a%3Db', { ...d, sslmode: 'verify-full' }],
  ];
  for (const [url, says] of cases) t.strictSame(parts(url), says, url);
});

const SECRET = 'correct-horse';
/** `S` stands for the secret. */
const WRONG: [url: string, line: RegExp][] = [
  ['host=h dbname=d password=S', /takes a URL that starts with postgres:\/\//],
  ['mysql://u:S@h/d', /takes a URL that starts with/],
  ['POSTGRES://u:S@h/d', /takes a URL that starts with/],
  ['postgres:u:S@h/d', /takes a URL that starts with/],
  ['"postgres://u:S@h/d"', /in quotes/],
  [' postgres://u:S@h/d', /white space/],
  ['postgres://u:S@h/d\n', /white space/],
  ['postgres://u:S S@h/d', /a space as %20/],
  ['postgres://u:S#S@h/d', /has # .* write it as %23/],
  ['postgres://u:S@S@h/d', /has @ .* write it as %40/],
  ['postgres://u:S/S@h/d', /has \/ .* write it as %2F/],
  ['postgres://u:S?S@h/d', /has \? .* write it as %3F/],
  ['postgres://u:S@S/S@h/d', /has @ .* write it as %40/],
  ['postgres://u:S%@h/d', /write % itself as %25/],
  ['postgres://u:S%zz@h/d', /write % itself as %25/],
  ['postgres://u:S%ff@h/d', /% code in the password/],
  ['postgres://u:S%00@h/d', /% code in the password/],
  ['postgres://u:S@h1,h2/d', /several hosts/],
  ['postgres://u:S@h1:1,h2:2/d', /several hosts/],
  ['postgres://u:S@/d?host=h1,h2', /several hosts/],
  ['postgres://u:S@h/d?port=1,2', /several hosts/],
  ['postgres://u:S@h:70000/d', /port is an integer from 1 to 65535/],
  ['postgres://u:S@h/d?port=70000', /port is an integer from 1 to 65535/],
  ['postgres://u:S@h/d?port=0', /port is an integer/],
  ['postgres://u:S@h/d?port=5432x', /port is an integer/],
  ['postgres://u:S', /port is an integer/],
  ['postgres://u:S@::1/d', /an IPv6 address as \[::1\]/],
  ['postgres://u:S@[::1/d', /an IPv6 address as \[::1\]/],
  ['postgres://u:S@h/d?sslmode=on', /sslmode, which takes disable, allow, prefer, require/],
  ['postgres://u:S@h/d?ssl=maybe', /ssl, which takes true/],
  ['postgres://u:S@h/d?ssl=true&sslmode=disable', /keep sslmode/],
  ['postgres://u:S@h/d?sslmode=require&sslmode=disable', /sslmode twice/],
  ['postgres://u:S@h/d?sslmode', /sslmode=value/],
  ['postgres://u:S@h/d?sslmode=', /sslmode, which takes/],
  ['postgres://u:S@h/d?sslmode=verify-ca', /needs sslrootcert/],
  ['postgres://u:S@h/d?sslcert=/x', /sslcert without sslkey/],
  ['postgres://u:S@h/d?sslrootcert=system', /takes sslmode=verify-full/],
  ['postgres://u:S@h/d?sslnegotiation=direct', /takes sslmode=require/],
  ['postgres://u:S@h/d?target_session_attrs=standby', /target_session_attrs, which takes any/],
  ['postgres://u:S@h/d?client_encoding=latin1', /client_encoding/],
  ['postgres://u:S@h/d?hostaddr=1.2.3.4', /parameter hostaddr that Conduit does not take/],
  ['postgres://u:S@h/d?schema=public', /parameter schema that Conduit does not take/],
  ['postgres://u:S@h/d?constructor=1', /parameter constructor that Conduit does not take/],
  ['postgres://u:S@h/d?S=1', /a parameter that Conduit does not take/],
];

t.test('what is wrong is one line that says what to do, without a secret', async (t) => {
  for (const [url, line] of WRONG) {
    const said = databaseUrlTrouble(url.replaceAll('S', SECRET)) ?? 'nothing';
    t.match(said, line, url);
    t.notMatch(said, /\n/);
    for (const piece of ['correct', 'horse']) t.notOk(said.includes(piece), `${url}: ${said}`);
  }
});

t.test('the place is shown without user and password', async (t) => {
  const places: [url: string, place: string][] = [
    [`postgres://u:${SECRET}@h:5433/d?user=x`, 'h:5433/d'],
    [`postgres://u:${SECRET}@[::1]/d`, '[::1]/d'],
    [`postgres://u:${SECRET}@/d`, 'the local socket/d'],
    ['postgres://%2Fdata:5433/d', '/data:5433/d'],
  ];
  for (const [url, place] of places) t.equal(describeDatabase(url), place);
});

t.test('what the server decided takes the place of what the URL left to it', async (t) => {
  const cases: [url: string, decided: string][] = [
    ['postgres://h/d', 'postgres://h/d?sslmode=require'],
    ['postgres://h/d?sslmode=prefer', 'postgres://h/d?sslmode=require'],
    ['postgres://h/d?sslmode=allow&user=u', 'postgres://h/d?user=u&sslmode=require'],
    ['postgres://h/d?user=u&sslmode=prefer', 'postgres://h/d?user=u&sslmode=require'],
  ];
  for (const [url, decided] of cases) {
    t.equal(withSslMode(url, 'require'), decided);
    t.equal(databaseUrlTrouble(decided), null);
  }
});

t.test('several URLs stand with white space between them', async (t) => {
  const [a, b] = ['postgres://u:p@a/d', 'postgresql://u:p@b/d'];
  for (const between of [' ', '\n', ' \t\n  ']) t.same(databaseUrls(`${a}${between}${b}`), [a, b]);
  t.same(databaseUrls(a), [a]);
  t.same(databaseUrls(`${a} ${b}\n`), [a, b], 'as a file ends');
  const cases: [text: string, line: RegExp][] = [
    [`${a} ${a}`, /^URL 2 of 2 stands there twice$/],
    [`${a} postgres://u:${SECRET} more@b/d`, /^URL 2 of 2 has white space/],
    [`${a} ${b}?what=1 postgres://c/d`, /^URL 2 of 3 has the parameter what/],
    [`${a} mysql://b/d`, /^has white space/],
    [`${a}\n`, /^begins or ends with white space/],
  ];
  for (const [text, line] of cases) {
    const said = databaseUrlsTrouble(text) ?? 'nothing';
    t.match(said, line, text);
    t.notOk(said.includes('horse'), said);
  }
  t.equal(databaseUrlsTrouble(`${a} ${b}`), null);
});
