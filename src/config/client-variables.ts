/** Variables of the command line as a client. A node has no use for them, and does not warn of them. */
export const CLIENT_VARIABLES = {
  url: 'CONDUIT_URL',
  apiKey: 'CONDUIT_API_KEY',
  context: 'CONDUIT_CONTEXT',
} as const;

const OF_CONTEXT = /^CONDUIT_(URL|API_KEY)_[A-Z0-9_]+$/;

export function isClientVariable(name: string): boolean {
  return Object.values<string>(CLIENT_VARIABLES).includes(name) || OF_CONTEXT.test(name);
}

/** `CONDUIT_URL_PROD` of the context `prod`. */
export function contextVariable(of: 'url' | 'apiKey', context: string): string {
  return `${CLIENT_VARIABLES[of]}_${context.toUpperCase().replaceAll('-', '_')}`;
}
