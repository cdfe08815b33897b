/**
 * Tenants, API keys and tokens on an acceptor: its port to the directory, what it remembers of them, the gate
 * that all requests pass, what the audit log is told, and the quotas of tenants. With ENABLE_AUTH=false there
 * is no port, the gate is open, no token is made, nothing is told, and nobody has quotas.
 */
import { randomUUID } from 'node:crypto';
import type { MessagePort } from 'node:worker_threads';
import type { Config } from '../config/config.js';
import type { Clock } from '../core/clock.js';
import { ANYONE } from '../core/principal.js';
import { AuditTrail, type AuditTrailOptions } from '../tenant/audit-trail.js';
import { ConfiguredKeys } from '../tenant/configured-keys.js';
import { Credentials } from '../tenant/credentials.js';
import { type Admitted, KeyCache, refused } from '../tenant/key-cache.js';
import { QuotaLedger, type QuotaLedgerOptions } from '../tenant/quota-ledger.js';
import { TokenCache } from '../tenant/token-cache.js';
import { TokenMint } from '../tenant/token-mint.js';
import type { AcceptorStart } from '../thread/control.js';
import { DirectoryPort } from '../thread/directory-port.js';
import { type AuditSink, NO_AUDIT } from './http/audit-note.js';
import { type Gate, KeyGate, openGate } from './http/gate.js';
import type { Guard } from './http/guard.js';
import type { LoginCookies } from './http/login-cookie.js';
import { Directory } from './routes/directory.js';

export interface KeysOptions extends Pick<QuotaLedgerOptions, 'inUse' | 'storedBytes' | 'onTurn'> {
  config: Config;
  clock: Clock;
  guard: Guard;
  cookies: LoginCookies;
  /** What came with the key of this id has to end. */
  onOver: (keyId: string) => void;
}

/** What there is where keys are asked for. */
interface KeyParts {
  port: DirectoryPort;
  keys: KeyCache;
  tokens: TokenCache;
  trail: AuditTrail;
}

export class Keys {
  readonly gate: Gate;
  readonly directory: Directory;
  /** Null: no keys are asked for. */
  readonly mint: TokenMint | null;
  /** Where what is done with keys is told. */
  readonly audit: AuditSink;
  readonly quotas: QuotaLedger;
  readonly #parts: KeyParts | null;

  /** `start` without a port to the directory: no keys are asked for. */
  constructor(
    { directory, tokenSecret: secret }: Pick<AcceptorStart, 'directory' | 'tokenSecret'>,
    options: KeysOptions,
  ) {
    const parts =
      directory === null || secret === null ? null : partsOf(directory, secret, options);
    this.#parts = parts;
    this.directory = new Directory(parts?.port ?? null);
    this.audit = parts?.trail ?? NO_AUDIT;
    this.quotas = ledgerOf(parts?.port ?? null, options);
    if (parts === null || secret === null) {
      this.gate = openGate(ANYONE);
      this.mint = null;
    } else {
      const { keys, tokens } = parts;
      const { config, clock, guard, cookies } = options;
      const shown = new Credentials({ keys, tokens, configured: new ConfiguredKeys(config) });
      this.gate = new KeyGate({ shown, guard, cookies });
      this.mint = new TokenMint({ clock, keys, secret });
    }
  }

  /** Null: any may have. */
  changed(ids: readonly string[] | null): void {
    this.#parts?.keys.changed(ids);
  }

  /** Whose a token is that a session goes on with; calls `admitted` once. */
  admitToken(text: string, admitted: Admitted): void {
    if (this.#parts === null) admitted(refused());
    else this.#parts.tokens.admit(text, admitted);
  }

  /** What the audit log has yet to be told is told, within a second. */
  async drained(): Promise<void> {
    await this.#parts?.trail.flushed();
  }

  close(): void {
    this.#parts?.trail.close();
    this.quotas.close();
    this.#parts?.tokens.close();
    this.#parts?.keys.close();
    this.#parts?.port.close();
  }
}

function partsOf(
  messages: MessagePort,
  secret: Uint8Array,
  { config, clock, guard, onOver }: KeysOptions,
): KeyParts {
  const port = new DirectoryPort(messages);
  const { limits } = config;
  const keys = new KeyCache({
    ...{ clock, limits, configured: new ConfiguredKeys(config), onOver },
    onFault: (error) => guard.caught('keys', error),
    find: async (ids) => (await port.lookUp('keys.find', { ids })).keys,
    onUsed: (ids) => {
      // It is said again in a minute, and nothing hangs on it.
      port.lookUp('keys.used', { ids }).catch(() => undefined);
    },
  });
  const tokens = new TokenCache({
    ...{ clock, limits, keys, secret },
    onFault: (error) => guard.caught('tokens', error),
    check: config.jwtIssuer === null ? null : (text) => port.check(text),
  });
  const send: AuditTrailOptions['send'] = (entries) => port.lookUp('audit.add', { entries });
  return { port, keys, tokens, trail: new AuditTrail({ clock, send }) };
}

function ledgerOf(
  port: DirectoryPort | null,
  { clock, inUse, storedBytes, onTurn }: KeysOptions,
): QuotaLedger {
  return new QuotaLedger({
    ...{ clock, holder: randomUUID(), inUse, storedBytes, onTurn },
    lease: async (ask) => {
      if (port === null) throw new Error('no tenant has quotas where no keys are asked for');
      return port.lookUp('quotas.lease', ask);
    },
  });
}
