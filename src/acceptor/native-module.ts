/**
 * Whether uWebSockets.js, a native module, loads on this machine; asked before any thread starts.
 */

const UPSTREAM = 'github:uNetworking/uWebSockets.js#v20.52.0';
/** Those whose binaries the package has, and which are maintained: `engines` in package.json. */
export const NODE_VERSIONS = ['20.19', '22.12', '24', '25'] as const;
export interface LoadFailure {
  /** `v26.0.0` */
  version: string;
  /** `linux-x64, glibc 2.41` */
  platform: string;
  error: unknown;
}

/** Null when it loads; else one line that says why not and what can be done. */
export async function nativeModuleTrouble(): Promise<string | null> {
  try {
    await import('uWebSockets.js');
    return null;
  } catch (error) {
    return loadTrouble({ version: process.version, platform: platform(), error });
  }
}

export function loadTrouble({ version, platform, error }: LoadFailure): string {
  const text = error instanceof Error ? error.message : String(error);
  const what = `uWebSockets.js does not load on Node.js ${version}, ${platform}`;
  const others = `or replace its alias in package.json by ${UPSTREAM} (README)`;
  if (!text.includes('Cannot find module')) {
    // The module says what it is made for, then what the loader said.
    const said = text.split('\n\n').at(-1)?.split('\n', 1)[0];
    return `${what}: ${said}; use Node.js 20 where glibc is older than 2.38, ${others}`;
  }
  const versions = `${NODE_VERSIONS.slice(0, -1).join(', ')} and ${NODE_VERSIONS.at(-1)}`;
  return (
    `${what}: it has no binary for them; Conduit runs on Node.js ${versions}, ` +
    `for which npm has one: use one of these, ${others}`
  );
}

function platform(): string {
  // Its part on the network may wait for name servers.
  Object.assign(process.report, { excludeNetwork: true });
  const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  const glibc = header?.glibcVersionRuntime;
  const libc = glibc === undefined ? 'no glibc' : `glibc ${glibc}`;
  return `${process.platform}-${process.arch}, ${libc}`;
}
