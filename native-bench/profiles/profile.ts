/** What a thread spent its time on, or allocated, as a tree of calls; read from V8's profiles. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import type { HeapProfiler, Profiler } from 'node:inspector';
import path from 'node:path';

export interface Profile {
  /** `acceptor-1` */
  thread: string;
  of: 'cpu' | 'allocation';
  /** From its start to its end, in microseconds, busy or not. */
  wallUs: number;
  /** Its value: busy microseconds, or bytes allocated. */
  root: Call;
}

/** A function as called from where it stands in the tree. */
export interface Call {
  /** `write (acceptor/outbox.js:31)`; V8's own are `(garbage collector)`, `(program)`: native code. */
  name: string;
  /** `acceptor`, `node:net`, `msgpackr`: the folder, module or package it is of; empty: V8's own. */
  home: string;
  /** With all it called. */
  value: number;
  calls: Call[];
}

/** A function, and what it spent or allocated itself wherever it was called from. */
export interface Own {
  name: string;
  value: number;
}

interface Place {
  functionName: string;
  url: string;
  lineNumber: number;
}

/** A thread that did less than this beside the busiest is left out. */
const SHARE_MIN = 0.02;

const PRELOAD = new URL('./take-profiles.js', import.meta.url).href;

/**
 * The environment of a node whose threads leave their profiles in a folder. It is made; the profiles of a
 * run before are taken out of it.
 */
export function profilingInto(folder: string): Record<string, string> {
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder)) {
    if (/\.(cpu|heap)profile$/.test(name)) rmSync(path.join(folder, name));
  }
  return { NODE_OPTIONS: `--import ${PRELOAD}`, PROFILES_FOLDER: path.resolve(folder) };
}

/** Of all threads that had something to do, the busiest first, CPU before allocation. */
export function readProfiles(folder: string): Profile[] {
  const threads = readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'));
  const profiles = threads.flatMap((name) => readThread(folder, path.parse(name).name));
  const most = (of: Profile['of']): number =>
    Math.max(...profiles.filter((one) => one.of === of).map(({ root }) => root.value));
  return profiles
    .filter(({ of, root }) => root.value > SHARE_MIN * most(of))
    .sort((a, b) => b.of.localeCompare(a.of) || b.root.value - a.root.value);
}

/** Both profiles of a thread are of the same time, which only that of the CPU knows. */
function readThread(folder: string, thread: string): Profile[] {
  const base = path.join(folder, thread);
  const cpu: Profiler.Profile = JSON.parse(readFileSync(`${base}.cpuprofile`, 'utf8'));
  const wallUs = cpu.endTime - cpu.startTime;
  const profiles: Profile[] = [{ thread, of: 'cpu', wallUs, root: cpuTree(cpu) }];
  if (!existsSync(`${base}.heapprofile`)) return profiles;
  const heap: HeapProfiler.SamplingHeapProfile = JSON.parse(
    readFileSync(`${base}.heapprofile`, 'utf8'),
  );
  return [...profiles, { thread, of: 'allocation', wallUs, root: allocationTree(heap.head) }];
}

/** The largest first. A function that called itself has each sample once: where it ended. */
export function ownOf(root: Call): Own[] {
  const values = new Map<string, number>();
  const add = ({ name, value, calls }: Call): void => {
    const own = calls.reduce((rest, call) => rest - call.value, value);
    values.set(name, (values.get(name) ?? 0) + own);
    calls.forEach(add);
  };
  add(root);
  return [...values]
    .map(([name, value]) => ({ name, value }))
    .filter(({ value }) => value > 0)
    .sort((a, b) => b.value - a.value);
}

/** Without the time in which the thread waited. */
export function cpuTree({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): Call {
  const own = new Map<number, number>();
  samples.forEach((id, at) => {
    own.set(id, (own.get(id) ?? 0) + (timeDeltas[at] ?? 0));
  });
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const root = nodes[0];
  if (root === undefined) return { name: '(root)', home: '', value: 0, calls: [] };
  const build = (node: Profiler.ProfileNode): Call => {
    const children = (node.children ?? []).flatMap((id) => byId.get(id) ?? []);
    const isAwake = ({ callFrame }: Profiler.ProfileNode) => callFrame.functionName !== '(idle)';
    return callOf(node.callFrame, own.get(node.id) ?? 0, children.filter(isAwake).map(build));
  };
  return build(root);
}

export function allocationTree(node: HeapProfiler.SamplingHeapProfileNode): Call {
  return callOf(node.callFrame, node.selfSize, node.children.map(allocationTree));
}

function callOf(place: Place, own: number, calls: Call[]): Call {
  const value = calls.reduce((sum, call) => sum + call.value, own);
  // In the order of the alphabet, as flame graphs have it: what is large does not hide what is beside it.
  const sorted = calls.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { ...nameOf(place), value, calls: sorted };
}

function nameOf({ functionName, url, lineNumber }: Place): { name: string; home: string } {
  const name = functionName === '' ? '(anonymous)' : functionName;
  if (url === '') return { name, home: '' };
  const line = lineNumber + 1;
  if (url.startsWith('node:')) return { name: `${name} (${url}:${line})`, home: url };
  const home = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
  if (home !== undefined) return { name: `${name} (${home})`, home };
  const file = /\/src\/(.+)$/.exec(url)?.[1] ?? path.basename(url);
  return { name: `${name} (${file}:${line})`, home: path.dirname(file) };
}
