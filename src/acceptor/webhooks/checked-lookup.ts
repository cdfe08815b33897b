/**
 * Looks a name up for a connection, once, and gives it the addresses that were checked: what a name leads to
 * a moment later is of no interest. At most two look-ups are under way, since they have the threads of
 * libuv, which are four, and a name server that hangs keeps them.
 */
import { lookup as dnsLookup, type LookupAddress, type LookupOptions } from 'node:dns';
import { Turns } from '../../core/turns.js';

const LOOKUPS = { atOnce: 2, waitingMax: 256 };

/** The code of what is told where an address may not be called. */
export const REFUSED_ADDRESS = 'ADDRESS_REFUSED';

type Found = (
  error: NodeJS.ErrnoException | null,
  address: string | LookupAddress[],
  family?: number,
) => void;

/** As `net.connect` takes it. */
export type Lookup = (name: string, options: LookupOptions, found: Found) => void;

/** All addresses of a name, as the system says it; tests give others. */
export type Resolve = (name: string) => Promise<LookupAddress[]>;

const turns = new Turns(LOOKUPS);

export const systemResolve: Resolve = (name) =>
  turns.run(
    name,
    () =>
      new Promise((resolve, reject) => {
        dnsLookup(name, { all: true, verbatim: true }, (error, addresses) => {
          if (error === null) resolve(addresses);
          else reject(error);
        });
      }),
  );

export function checkedLookup(mayCall: (address: string) => boolean, resolve: Resolve): Lookup {
  return (name, { all, family }, found) => {
    resolve(name).then(
      (addresses) => {
        // One that is inside makes the name suspect: the others are not called, either.
        const error = addresses.every(({ address }) => mayCall(address)) ? null : refusedAddress();
        const fit = addresses.filter((one) =>
          family !== 4 && family !== 6 ? true : one.family === family,
        );
        const [first] = fit;
        if (error !== null) found(error, []);
        else if (first === undefined) found(withCode('ENOTFOUND'), []);
        else if (all === true) found(null, fit);
        else found(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => found(error, []),
    );
  };
}

export function refusedAddress(): NodeJS.ErrnoException {
  return withCode(REFUSED_ADDRESS);
}

function withCode(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { code });
}
