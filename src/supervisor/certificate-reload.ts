/**
 * SIGHUP: looks at the files of the certificate again. One that can be used, and is another, is given to the
 * acceptors; else the one that is shown stays, and the log says why.
 */
import type { Logger } from '../observe/logger.js';
import { type Certificate, readCertificate, type TlsConfig } from './certificate.js';

export interface CertificateReloadOptions {
  config: TlsConfig;
  /** What is shown so far. */
  shown: Certificate;
  logger: Logger;
  /** The acceptors are to read the files. */
  reload: () => void;
}

export class CertificateReload {
  readonly #options: CertificateReloadOptions;
  #digest: string;
  #turn: Promise<void> = Promise.resolve();

  constructor(options: CertificateReloadOptions) {
    this.#options = options;
    this.#digest = options.shown.digest;
  }

  /** One look after another. */
  now(): void {
    this.#turn = this.#turn.then(() => this.#look());
  }

  async #look(): Promise<void> {
    const { config, logger, reload } = this.#options;
    try {
      const found = await readCertificate(config);
      if (found === null || found.digest === this.#digest) {
        logger.tell('certificate.same', {});
        return;
      }
      this.#digest = found.digest;
      for (const warning of found.warnings) logger.tell('certificate.warning', {}, warning);
      logger.tell('certificate.changed', { valid_to: found.validTo });
      reload();
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      logger.tell('certificate.refused', { about: null, cause });
    }
  }
}
