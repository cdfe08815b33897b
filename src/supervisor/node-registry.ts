/**
 * The nodes that use the embedded PostgreSQL: one file each, named by its process, in nodes/ of its
 * folder. The last one to end stops the server.
 */
import type { PlaceFiles } from './place-files.js';

const FOLDER = 'nodes';

export class NodeRegistry {
  readonly #files: PlaceFiles;

  constructor(files: PlaceFiles) {
    this.#files = files;
  }

  enter(): void {
    this.#files.list(FOLDER);
    this.#files.write(fileOf(process.pid), '');
  }

  /** Says who stays. Files of processes that are gone are removed. */
  leave(): 'last' | 'others' {
    this.#files.remove(fileOf(process.pid));
    const pids = this.#files
      .list(FOLDER)
      .filter((name) => /^\d{1,10}$/.test(name))
      .map(Number);
    const living = pids.filter(isAlive);
    for (const pid of pids) {
      if (!living.includes(pid)) this.#files.remove(fileOf(pid));
    }
    return living.length === 0 ? 'last' : 'others';
  }
}

function fileOf(pid: number): string {
  return `${FOLDER}/${pid}`;
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
