// Goal: the log lies where npm does not delete it, and a new one is never begun in silence beside another.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t from 'tap';
import { type DataRequest, dataFolders, tellOther } from '../../../src/supervisor/data-folder.js';

const root = mkdtempSync(path.join(tmpdir(), 'conduit-folders-'));
t.teardown(() => rmSync(root, { recursive: true, force: true }));
const app = path.join(root, 'app');
const installed = path.join(app, 'node_modules', 'conduit');

function request(dataDir: string | null = null, workingFolder = app): DataRequest {
  return { packageFolder: installed, dataDir, workingFolder };
}

function told(asked: DataRequest): string | null {
  const folders = dataFolders(asked);
  return tellOther(folders.own, folders, asked);
}

t.test('the folder', async (t) => {
  t.equal(dataFolders(request()).own, `${app}/.conduit`, 'a package: the working folder');
  const clone = { packageFolder: '/clone', dataDir: null, workingFolder: '/somewhere' };
  t.equal(dataFolders(clone).own, '/clone/.conduit');
  t.equal(dataFolders({ ...clone, dataDir: 'x' }).own, '/somewhere/x');
  t.equal(dataFolders(request('/data')).own, '/data');
  t.equal(dataFolders(request('/data')).shared, null, 'what is named is not replaced');
});

t.test('another log', async (t) => {
  t.equal(told(request()), null);
  const doomed = `${installed}/.conduit`;
  mkdirSync(`${doomed}/data`, { recursive: true });
  const line = `there is a log in ${doomed}, and none in ${app}/.conduit: move it there (npm deletes it`;
  t.throws(() => told(request()), { message: new RegExp(line.replace('(', '\\(')) });
  t.throws(() => told(request()), { message: new RegExp(`CONDUIT_DATA_DIR=${doomed} to go on`) });
  t.equal(told(request(doomed)), null);
  t.match(told(request(`${root}/new`)), /^there is a log in .* a new one is begun$/);

  mkdirSync(`${app}/.conduit/data`, { recursive: true });
  t.equal(told(request()), null, 'the one that it has is its own');
  const below = `${app}/src/deep`;
  t.throws(() => told(request(null, below)), {
    message: new RegExp(`a log in ${doomed}, and none`),
  });
  rmSync(doomed, { recursive: true });
  t.throws(() => told(request(null, below)), {
    message: new RegExp(`a log in ${app}/.conduit, and`),
  });
});
