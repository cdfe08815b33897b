/**
 * The nodes that use the embedded PostgreSQL: one file each, named by its process, in nodes/ of its
 * folder. The last one to end stops the server.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export class NodeRegistry {
  readonly #folder: string;

  constructor(placeFolder: string) {
    this.#folder = path.join(placeFolder, 'nodes');
  }

  enter(): void {
    mkdirSync(this.#folder, { recursive: true });
    writeFileSync(this.#file(process.pid), '');
  }

  /** Says who stays. Files of processes that are gone are removed. */
  leave(): 'last' | 'others' {
    rmSync(this.#file(process.pid), { force: true });
    const pids = readdirSync(this.#folder).map(Number);
    const living = pids.filter(isAlive);
    for (const pid of pids) {
      if (!living.includes(pid)) rmSync(this.#file(pid), { force: true });
    }
    return living.length === 0 ? 'last' : 'others';
  }

  #file(pid: number): string {
    return path.join(this.#folder, String(pid));
  }
}

/** Whether a process has that number. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another user's process lives too.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
