/**
 * The node does not start as it is configured, or where it is: only a person can put that right; or
 * what it needs is not there yet, and a later start may find it. The message is one line for the
 * operator, without secrets.
 */
import { EXIT_CONFIG } from '../config/config.js';
import { LogConfigurationError } from '../log/contract/log-configuration-error.js';

const EXIT_FAULT = 1;

export class StartRefused extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = EXIT_CONFIG) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The exit code of a start that ended with this error. */
export function startExitCode(error: unknown): number {
  if (error instanceof StartRefused) return error.exitCode;
  return error instanceof LogConfigurationError ? EXIT_CONFIG : EXIT_FAULT;
}
