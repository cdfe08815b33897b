/** What users would stumble over in a package that is packed, by publint and by Are the types wrong. */
import { readFileSync } from 'node:fs';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

/** Packages of modules alone, as `attw --profile esm-only` has it: older resolutions do not count. */
const OLDER = new Set(['node10', 'node16-cjs']);

/** One line for each finding; `tarball`: the file that `npm pack` made. */
export async function lintPackage(tarball: string): Promise<string[]> {
  const bytes = new Uint8Array(readFileSync(tarball));
  const { messages, pkg } = await publint({ pack: { tarball: bytes.buffer }, strict: true });
  const found = messages.map((message) => `publint: ${formatMessage(message, pkg)}`);
  const checked = await checkPackage(createPackageFromTarballData(bytes));
  if (!checked.types) return [...found, 'attw: it has no types'];
  const wrong = checked.problems.filter(
    (problem) => !('resolutionKind' in problem) || !OLDER.has(problem.resolutionKind),
  );
  return [...found, ...wrong.map((problem) => `attw: ${JSON.stringify(problem)}`)];
}
