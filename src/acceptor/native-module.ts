/**
 * Whether uWebSockets.js, a native module, loads on this machine; asked before any thread starts.
 */

const UPSTREAM = 'github:uNetworking/uWebSockets.js#v20.52.0';

/** Null when it loads; else one line that says why not and what can be done. */
export async function nativeModuleTrouble(): Promise<string | null> {
  try {
    await import('uWebSockets.js');
    return null;
  } catch (error) {
    const why = (error instanceof Error ? error.message : String(error)).split('\n', 1)[0];
    return (
      `uWebSockets.js does not load on Node.js ${process.version}, ${platform()}: ${why}; ` +
      `use Node.js 20 where glibc is older than 2.38, or replace its alias in package.json by ${UPSTREAM} (README)`
    );
  }
}

function platform(): string {
  // Its part on the network may wait for name servers.
  Object.assign(process.report, { excludeNetwork: true });
  const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  const glibc = header?.glibcVersionRuntime;
  const libc = glibc === undefined ? 'no glibc' : `glibc ${glibc}`;
  return `${process.platform}-${process.arch}, ${libc}`;
}
