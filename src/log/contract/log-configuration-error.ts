/**
 * The log cannot be used as it is configured: a setting, a database or a schema that only a person
 * can put right. The node prints the message, one line, and exits 78.
 */
export class LogConfigurationError extends Error {
  constructor(detail: string) {
    super(detail);
    this.name = 'LogConfigurationError';
  }
}
