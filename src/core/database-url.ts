/** host/database of a connection string, for people: never its user or password. */
export function describeDatabase(databaseUrl: string): string {
  const { host, pathname } = new URL(databaseUrl);
  // A folder that holds the socket is written as %2Ffolder.
  return `${host === '' ? 'the local socket' : host.replace(/%2f/gi, '/')}${pathname}`;
}
