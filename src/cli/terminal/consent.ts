/** Before what cannot be undone: a person types the name again, a script says --yes. */
import { createInterface } from 'node:readline/promises';
import { CommandFailure, wrongLine } from './failure.js';
import type { Shell } from './shell.js';

export const YES_OPTION = {
  kind: 'flag',
  text: 'Does not ask; needed where nobody can answer.',
} as const;

export interface Loss {
  /** What is typed. */
  name: string;
  /** `deletes the topic with its messages and subscriptions`. */
  what: string;
  /** --yes was said. */
  yes: boolean;
}

/** Rejects CommandFailure: 2 where nobody can be asked, 1 when something else was typed. */
export async function consent(shell: Shell, { name, what, yes }: Loss): Promise<void> {
  if (yes) return;
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw wrongLine(`this ${what}: say --yes`);
  }
  const asked = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const typed = await asked.question(`This ${what}. Type ${name} to go on: `, {
      signal: shell.end(),
    });
    if (typed.trim() !== name) throw new CommandFailure(1, 'nothing was done');
  } finally {
    asked.close();
  }
}
