/** What a report says of the machine and the code: without it no figure means anything. */
import { execFileSync } from 'node:child_process';
import { closeSync, fdatasyncSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { median } from './sample.js';

export interface Machine {
  cpu: string;
  cores: number;
  memoryBytes: number;
  system: string;
  /** 1 minute, before the run: other work makes figures worse. */
  load: number;
  /** Median of writing 8 KiB and fdatasync, in the folder PostgreSQL's data lie beside. */
  fsyncUs: number;
}

export interface Code {
  /** `c38cf09`, with `+` when files were changed; `unknown` outside a clone. */
  commit: string;
  node: string;
  postgres: string | null;
}

const SYNCS = 200;
const SYNC_BYTES = 8_192;

export function describeMachine(): Machine {
  const cpus = os.cpus();
  return {
    cpu: cpus[0]?.model.trim() ?? 'unknown',
    cores: cpus.length,
    memoryBytes: os.totalmem(),
    system: `${os.type()} ${os.release()}${distribution()}`,
    load: os.loadavg()[0] ?? 0,
    fsyncUs: measureFsync(os.tmpdir()),
  };
}

/** Figures of machines with one name are compared. */
export function machineName({ cpu, cores, memoryBytes }: Machine): string {
  return `${cpu}, ${cores} cores, ${Math.round(memoryBytes / 2 ** 30)} GiB`;
}

export function describeCode(packageFolder: string, postgres: string | null): Code {
  return { commit: commitOf(packageFolder), node: process.versions.node, postgres };
}

function distribution(): string {
  try {
    const name = /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
    return name === undefined ? '' : `, ${name}`;
  } catch {
    return '';
  }
}

function measureFsync(folder: string): number {
  const file = path.join(folder, `conduit-fsync-${process.pid}`);
  const handle = openSync(file, 'w');
  const bytes = Buffer.alloc(SYNC_BYTES, 1);
  const times: number[] = [];
  try {
    for (let n = 0; n < SYNCS; n++) {
      const from = performance.now();
      writeSync(handle, bytes);
      fdatasyncSync(handle);
      times.push((performance.now() - from) * 1_000);
    }
  } finally {
    closeSync(handle);
    rmSync(file);
  }
  return median(times);
}

function commitOf(folder: string): string {
  const git = (...args: string[]): string =>
    execFileSync('git', ['-C', folder, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '+';
    return git('rev-parse', '--short', 'HEAD') + changed;
  } catch {
    return 'unknown';
  }
}
