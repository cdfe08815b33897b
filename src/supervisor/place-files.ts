/**
 * The small files of the embedded PostgreSQL's place: its port, its password, who uses it. All is done
 * with the rights of the place's account, and nothing is believed: a link is not followed, what is no
 * file is not read, and a file is written beside its name and then given it.
 */
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { type Account, asAccount } from './account.js';

const READ_BYTES_MAX = 4_096;
const END_BYTES_MAX = 65_536;
/** A pipe that nobody writes to would keep its reader waiting. */
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export class PlaceFiles {
  readonly #folder: string;
  readonly #account: Account | null;

  constructor(folder: string, account: Account | null) {
    this.#folder = folder;
    this.#account = account;
  }

  /** Its beginning; null when there is no such file, or it is none. */
  read(name: string): string | null {
    return this.#do(() => {
      try {
        return readBytes(this.#at(name), () => 0)?.slice(0, READ_BYTES_MAX) ?? null;
      } catch {
        return null;
      }
    });
  }

  /** Its end; empty when there is no such file, or it is none. */
  readEnd(name: string): string {
    return this.#do(() => {
      try {
        return readBytes(this.#at(name), (size) => Math.max(0, size - END_BYTES_MAX)) ?? '';
      } catch {
        return '';
      }
    });
  }

  /** For the account alone. Throws when it cannot be written, as where there is a folder. */
  write(name: string, text: string): void {
    const part = this.#at(`${name}.part-${process.pid}`);
    this.#do(() => {
      rmSync(part, { recursive: true, force: true });
      writeFileSync(part, text, { mode: 0o600, flag: 'wx' });
      try {
        renameSync(part, this.#at(name));
      } catch (error) {
        rmSync(part);
        throw error;
      }
    });
  }

  /** Whether there is something of this name. */
  has(name: string): boolean {
    return this.#do(() => existsSync(this.#at(name)));
  }

  rename(from: string, to: string): void {
    this.#do(() => renameSync(this.#at(from), this.#at(to)));
  }

  /** With all in it. */
  remove(name: string): void {
    // A program that is ending may be writing still, for the second that it takes.
    const patiently = { recursive: true, force: true, maxRetries: 50, retryDelay: 20 };
    this.#do(() => rmSync(this.#at(name), patiently));
  }

  /** The names in the folder, or in one of its folders, which is made when it is none. */
  list(folder = '.'): string[] {
    return this.#do(() => {
      const at = this.#at(folder);
      const found = folder === '.' ? undefined : lstatSync(at, { throwIfNoEntry: false });
      if (found?.isDirectory() === false) rmSync(at);
      // Another node that starts may have made it by now.
      mkdirSync(at, { recursive: true });
      return readdirSync(at);
    });
  }

  #at(name: string): string {
    return path.join(this.#folder, name);
  }

  #do<T>(work: () => T): T {
    return asAccount(this.#account, work);
  }
}

/** `from`: where to begin in a file of that size. Null: it is no file. */
function readBytes(file: string, from: (size: number) => number): string | null {
  const fd = openSync(file, READ);
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) return null;
    const bytes = Buffer.alloc(END_BYTES_MAX);
    return bytes.toString('utf8', 0, readSync(fd, bytes, 0, END_BYTES_MAX, from(stats.size)));
  } finally {
    closeSync(fd);
  }
}
