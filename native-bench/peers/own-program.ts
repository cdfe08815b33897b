/** What the programs of this folder that run as children have in common. */

/** Prints what the parent waits for. From then on the program ends when its stdin is closed. */
export function sayReady(port: number): void {
  endWithParent();
  process.stdout.write(`ready ${port}\n`);
}

/** The parent holds the other end of stdin: it is closed when the parent dies. */
export function endWithParent(): void {
  process.stdin.on('close', () => process.exit(0));
  process.stdin.resume();
}
