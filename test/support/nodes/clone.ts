/** A clone of the package, built, and so with an embedded PostgreSQL of its own. */
import { chmodSync, cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PACKAGE_FOLDER } from '../../../native-bench/rig/node.js';
import { findPlace } from '../../../src/supervisor/postgres-place.js';

export interface Clone {
  folder: string;
  /** Its command line, for startNode. */
  program: string;
  /** In the clone, or elsewhere when PostgreSQL's account cannot run the binaries it links to. */
  dataDir: string;
  remove(): void;
}

export async function makeClone(): Promise<Clone> {
  const folder = mkdtempSync(path.join(tmpdir(), 'conduit-clone-'));
  chmodSync(folder, 0o755);
  for (const part of ['dist/src', 'sql', 'package.json']) {
    cpSync(path.join(PACKAGE_FOLDER, part), path.join(folder, part), { recursive: true });
  }
  symlinkSync(path.join(PACKAGE_FOLDER, 'node_modules'), path.join(folder, 'node_modules'));
  const place = await findPlace({ packageFolder: folder, dataDir: null, workingFolder: '/' });
  return {
    folder,
    program: path.join(folder, 'dist/src/cli/conduit.js'),
    dataDir: place.dataDir,
    remove: () => {
      for (const made of [place.folder, folder]) rmSync(made, { recursive: true, force: true });
    },
  };
}
