/**
 * The node's right to its port, from before it listens until the process ends. uWebSockets.js listens
 * with SO_REUSEPORT, so that two nodes on one port would share its connections in silence, and a
 * look whether somebody listens comes too early for nodes that start together. On Linux the claim is
 * a name that the kernel holds; elsewhere only the look remains.
 */
import { lookup } from 'node:dns/promises';
import { isIPv6, SocketAddress } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type HeldName, holdName, namesHeld } from './abstract-socket.js';
import { portTrouble } from './port-probe.js';
import { StartRefused } from './start-refused.js';

const DOOR_MS = 5_000;
const DOOR_POLL_MS = 10;
const EVERY_ADDRESS = ['0.0.0.0', '::'];

export interface PortClaim {
  /** Lets the port go; the end of the process does it, too. */
  stop(): Promise<void>;
}

/** Rejects StartRefused: the port is somebody else's, or cannot be listened on. `variable`: names it. */
export async function claimPort(host: string, port: number, variable = 'PORT'): Promise<PortClaim> {
  const addresses = await addressesOf(host);
  const prefix = `conduit/port/${port}/`;
  const held: HeldName[] = [];
  const door = await passDoor(port, variable);
  try {
    if (namesHeld(prefix).some((other) => addresses.some((mine) => overlap(mine, other)))) {
      throw taken(port, variable);
    }
    const trouble = await portTrouble({ host, addresses, port, variable });
    if (trouble !== null) throw new StartRefused(trouble);
    for (const address of addresses) {
      const name = await holdName(`${prefix}${address}`);
      if (name === null) throw taken(port, variable);
      held.push(name);
    }
  } catch (error) {
    await releaseAll(held);
    throw error;
  } finally {
    await door.release();
  }
  return { stop: () => releaseAll(held) };
}

/** Whoever looks and claims does it alone: 0.0.0.0 and 127.0.0.1 are other names for one port. */
async function passDoor(port: number, variable: string): Promise<HeldName> {
  const until = performance.now() + DOOR_MS;
  for (;;) {
    const door = await holdName(`conduit/door/${port}`);
    if (door !== null) return door;
    if (performance.now() > until) throw taken(port, variable);
    await delay(DOOR_POLL_MS);
  }
}

function taken(port: number, variable: string): StartRefused {
  return new StartRefused(`${variable}=${port}: another Conduit node of this machine has it`);
}

async function releaseAll(held: readonly HeldName[]): Promise<void> {
  await Promise.all(held.map((name) => name.release()));
}

/** A name may have several, and which of them a listener takes is not ours to choose. */
async function addressesOf(host: string): Promise<string[]> {
  try {
    const found = await lookup(host, { all: true });
    return [...new Set(found.map(({ address }) => canonical(address)))];
  } catch {
    throw new StartRefused(`HOST=${host}: cannot be resolved`);
  }
}

function canonical(address: string): string {
  if (!isIPv6(address) || address.includes('%')) return address;
  return new SocketAddress({ address, family: 'ipv6' }).address.replace(/^::ffff:(?=.*\.)/, '');
}

function overlap(a: string, b: string): boolean {
  return a === b || EVERY_ADDRESS.includes(a) || EVERY_ADDRESS.includes(b);
}
