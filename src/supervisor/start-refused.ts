/**
 * The node does not start as it is configured, or where it is: only a person can put that right.
 * The message is one line for the operator, without secrets; the process exits 78.
 */
export class StartRefused extends Error {}
