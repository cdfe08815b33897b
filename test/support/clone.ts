/** A clone of the package, built, with its own .conduit/ and so its own embedded PostgreSQL. */
import { chmodSync, cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PACKAGE_FOLDER } from './node.js';

export interface Clone {
  folder: string;
  /** Its command line, for startNode. */
  program: string;
  dataDir: string;
  remove(): void;
}

export function makeClone(): Clone {
  const folder = mkdtempSync(path.join(tmpdir(), 'conduit-clone-'));
  // PostgreSQL's account must get in, or the data would lie elsewhere.
  chmodSync(folder, 0o755);
  for (const part of ['dist/src', 'sql', 'package.json']) {
    cpSync(path.join(PACKAGE_FOLDER, part), path.join(folder, part), { recursive: true });
  }
  symlinkSync(path.join(PACKAGE_FOLDER, 'node_modules'), path.join(folder, 'node_modules'));
  return {
    folder,
    program: path.join(folder, 'dist/src/cli/conduit.js'),
    dataDir: path.join(folder, '.conduit/data'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
