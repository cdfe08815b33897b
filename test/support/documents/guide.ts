/** The code blocks of a document, and a shell that runs them as its reader would, beside a test's node. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { PACKAGE_FOLDER } from '../../../native-bench/rig/node.js';

const run = promisify(execFile);
const FENCE = /^( *)```(\w+)\n([\s\S]*?)^ *```$/gm;

export interface Block {
  /** The heading that it stands under; '': none. */
  section: string;
  language: string;
  /** Without its indentation. */
  body: string;
}

/** Of `README.md`, or of a file in docs/. */
export function blocksOf(file: string): Block[] {
  const text = readFileSync(path.join(PACKAGE_FOLDER, file), 'utf8');
  // A comment of a shell block is no heading.
  const headings = [
    ...text.replaceAll(FENCE, (block) => ' '.repeat(block.length)).matchAll(/^#+ (.*)$/gm),
  ];
  return [...text.matchAll(FENCE)].map(
    ({ index, 1: indent = '', 2: language = '', 3: body = '' }) => ({
      section: headings.findLast((heading) => heading.index < index)?.[1] ?? '',
      language,
      body: body.replaceAll(new RegExp(`^${indent}`, 'gm'), '').trim(),
    }),
  );
}

/** Those under one heading; of those under its own headings none. */
export function sectionOf(file: string, section: string): Block[] {
  return blocksOf(file).filter((block) => block.section === section);
}

/** What it prints; rejects when a command of it fails. `url`: of the node, in the place of the document's. */
export async function runShell(
  body: string,
  url: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const script = body
    .replaceAll('http://localhost:8080', url)
    .replaceAll(/\bcurl (?!.*--fail)/g, 'curl -sS --fail-with-body ');
  const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', script], {
    env: { ...process.env, ...env },
    timeout: 240_000,
  });
  return stdout;
}
