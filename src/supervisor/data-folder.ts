/**
 * Which folder the embedded PostgreSQL keeps its data in: CONDUIT_DATA_DIR; else .conduit in the clone, or
 * in the working folder when Conduit is an installed package, since npm deletes what lies in
 * node_modules. A new log is never begun in silence where there is an older one.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { StartRefused } from './start-refused.js';

/** For the data of root's nodes where PostgreSQL's account cannot enter. */
export const SHARED_FOLDER = '/var/lib/conduit';
const FOLDER = '.conduit';

export interface DataRequest {
  /** Where package.json lies. */
  packageFolder: string;
  /** CONDUIT_DATA_DIR. */
  dataDir: string | null;
  workingFolder: string;
}

export interface DataFolders {
  own: string;
  /** For root, where its PostgreSQL's account cannot enter `own`; null: there is no other. */
  shared: string | null;
  /** These two, and where another log may lie, begun from another folder or by an older version. */
  all: string[];
}

export function dataFolders(request: DataRequest): DataFolders {
  const { packageFolder, dataDir, workingFolder } = request;
  const isInstalled = packageFolder.split(path.sep).includes('node_modules');
  const base = isInstalled ? workingFolder : packageFolder;
  const usual = path.join(base, FOLDER);
  const above = isInstalled ? parentsOf(base).map((folder) => path.join(folder, FOLDER)) : [];
  const own = dataDir === null ? usual : path.resolve(workingFolder, dataDir);
  const bases = [base, packageFolder];
  const all = [own, usual, path.join(packageFolder, FOLDER), ...bases.map(sharedFor), ...above];
  return { own, shared: dataDir === null ? sharedFor(base) : null, all };
}

export function hasLog(folder: string): boolean {
  return existsSync(path.join(folder, 'data'));
}

/**
 * Says, in one line, where another log lies, when one is to be begun in `folder`; null: nowhere. Throws
 * StartRefused unless the operator has named the folder.
 */
export function tellOther(
  folder: string,
  { all }: DataFolders,
  { dataDir }: DataRequest,
): string | null {
  const other = hasLog(folder) ? undefined : all.find(hasLog);
  if (other === undefined) return null;
  const place = `there is a log in ${other}, and none in ${folder}`;
  if (dataDir !== null) return `${place}, which CONDUIT_DATA_DIR names: a new one is begun`;
  const isDoomed = other.split(path.sep).includes('node_modules');
  throw new StartRefused(
    `${place}: ${isDoomed ? 'move it there (npm deletes it where it is), or ' : ''}` +
      `set CONDUIT_DATA_DIR=${other} to go on with it, or CONDUIT_DATA_DIR=${folder} for a new one`,
  );
}

function sharedFor(base: string): string {
  return path.join(SHARED_FOLDER, hashOf(base));
}

export function hashOf(folder: string): string {
  return createHash('sha256').update(folder).digest('hex').slice(0, 16);
}

function parentsOf(folder: string): string[] {
  const parent = path.dirname(folder);
  return parent === folder ? [] : [parent, ...parentsOf(parent)];
}
