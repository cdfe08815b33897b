// Goal: nothing that lies in the folder of the embedded PostgreSQL stops a start or turns a node that is
// root against another file: not links, pipes or folders under the names of our files, nor rubbish.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t from 'tap';
import { type Account, serverAccount } from '../../../src/supervisor/account.js';
import { NodeRegistry } from '../../../src/supervisor/node-registry.js';
import { PlaceFiles } from '../../../src/supervisor/place-files.js';
import { portIn } from '../../../src/supervisor/postmaster.js';

const account: Account | null = process.getuid?.() === 0 ? await serverAccount() : null;
const root = mkdtempSync(path.join(tmpdir(), 'conduit-files-'));
chmodSync(root, 0o755);
t.teardown(() => rmSync(root, { recursive: true, force: true }));
const folder = path.join(root, 'place');
mkdirSync(folder);
if (account !== null) chownSync(folder, account.uid, account.gid);
const victim = path.join(root, 'victim');
const files = new PlaceFiles(folder, account);
const file = path.join(folder, 'port');

const BAD: [name: string, make: () => void][] = [
  ['nothing', () => undefined],
  ['letters', () => writeFileSync(file, 'abc')],
  ['empty', () => writeFileSync(file, '')],
  ['huge', () => writeFileSync(file, '9'.repeat(400))],
  [
    'a huge file',
    () => {
      writeFileSync(file, '5');
      truncateSync(file, 8 * 1024 ** 3);
    },
  ],
  ['negative', () => writeFileSync(file, '-5432')],
  ['beyond the last', () => writeFileSync(file, '65536')],
  ['of a service', () => writeFileSync(file, '22')],
  ['exponent', () => writeFileSync(file, '5e3')],
  ['a pipe', () => execFileSync('mkfifo', [file])],
  ['a link', () => symlinkSync(victim, file)],
  ['a link to nothing', () => symlinkSync(path.join(root, 'made'), file)],
  ['a link to itself', () => symlinkSync(file, file)],
];

t.test(
  'whatever the file of the port is, it says no port, and becomes one that does',
  async (t) => {
    for (const [name, make] of BAD) {
      rmSync(file, { recursive: true, force: true });
      writeFileSync(victim, '54321');
      make();
      t.equal(portIn(files.read('port') ?? ''), null, name);
      files.write('port', '5433');
      t.equal(portIn(files.read('port') ?? ''), 5433, name);
      t.ok(lstatSync(file).isFile(), name);
      t.equal(readFileSync(victim, 'utf8'), '54321', name);
      if (account !== null) t.equal(lstatSync(file).uid, account.uid, name);
    }
    rmSync(file);
    mkdirSync(path.join(file, 'sub'), { recursive: true });
    t.equal(files.read('port'), null, 'a folder');
    t.throws(() => files.write('port', '5433'), { code: 'EISDIR' });
    t.same(readdirSync(root).sort(), ['place', 'victim']);
    t.same(readdirSync(folder), ['port'], 'nothing is left beside it');
  },
);

t.test('a link for the folder of the nodes leads nowhere', async (t) => {
  const elsewhere = path.join(root, 'elsewhere');
  mkdirSync(elsewhere);
  writeFileSync(path.join(elsewhere, '999999999'), 'not a node');
  symlinkSync(elsewhere, path.join(folder, 'nodes'));
  const registry = new NodeRegistry(files);
  registry.enter();
  t.same(readdirSync(elsewhere), ['999999999']);
  t.same(readdirSync(path.join(folder, 'nodes')), [String(process.pid)]);
  writeFileSync(path.join(folder, 'nodes', '0x10'), '');
  t.equal(registry.leave(), 'last');
  t.same(readdirSync(elsewhere), ['999999999']);
});

t.test("root's rights are not used in a folder that is another's", async (t) => {
  if (account === null) return;
  const secret = path.join(root, 'secret');
  mkdirSync(secret, { mode: 0o700 });
  writeFileSync(path.join(secret, 'key'), 'secret');
  const inside = new PlaceFiles(secret, account);
  t.equal(inside.read('key'), null);
  t.throws(() => inside.write('key', 'x'), { code: 'EACCES' });
  t.throws(() => inside.list(), { code: 'EACCES' });
  t.equal(process.geteuid?.(), 0, 'and they are back');
  t.equal(readFileSync(path.join(secret, 'key'), 'utf8'), 'secret');
});
