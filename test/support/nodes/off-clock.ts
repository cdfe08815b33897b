/** The wall clock of a node under test: off by what is said here, from its start or while it runs. */
import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PACKAGE_FOLDER } from '../../../native-bench/rig/node.js';

const PRELOAD = path.join(PACKAGE_FOLDER, 'test/support/nodes/shifted-clock.cjs');
const LIBFAKETIME = [
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1',
];

export class OffClock {
  readonly #folder = mkdtempSync(path.join(tmpdir(), 'conduit-clock-'));
  readonly #file = path.join(this.#folder, 'shift');

  constructor(shiftMs: number) {
    this.set(shiftMs);
  }

  /** The environment of a node that has this clock. */
  get env(): Record<string, string> {
    return { NODE_OPTIONS: `--require ${PRELOAD}`, CLOCK_SHIFT_FILE: this.#file };
  }

  /** At once for nodes that run; never half written. */
  set(shiftMs: number): void {
    writeFileSync(`${this.#file}.new`, String(shiftMs));
    renameSync(`${this.#file}.new`, this.#file);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** The environment of a node whose time libfaketime makes; null: it is not on this machine. */
export function fakeTime(shift: string): Record<string, string> | null {
  const library = LIBFAKETIME.find((file) => existsSync(file));
  if (library === undefined) return null;
  const monotonic = { DONT_FAKE_MONOTONIC: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1' };
  return { LD_PRELOAD: library, FAKETIME: shift, ...monotonic };
}
