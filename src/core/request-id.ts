/** What a client may call its request by, in X-Request-Id: answers and logs show it. */
const PATTERN = /^[A-Za-z0-9_.:+/=-]{1,128}$/;

export function isRequestId(text: string): boolean {
  return PATTERN.test(text);
}
