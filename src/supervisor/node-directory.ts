/**
 * The directory of tenants and API keys of a node that asks for keys: where they are kept, the ports that
 * acceptors ask it by, and the first key where there is none.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { serveCold } from '../cold/cold-port.js';
import { type Config, EXIT_LATER } from '../config/config.js';
import { systemClock } from '../core/clock.js';
import { ANYONE } from '../core/principal.js';
import type { TenantQuotas } from '../core/quotas.js';
import { messageOf } from '../log/contract/log-errors.js';
import { isTransient } from '../log/postgres/session/transient.js';
import type { Logger } from '../observe/logger.js';
import type { AuditStore } from '../tenant/audit-store.js';
import { ConfiguredKeys, TENANT_SCOPES } from '../tenant/configured-keys.js';
import { KeptList } from '../tenant/kept-list.js';
import { KeyChanges } from '../tenant/key-changes.js';
import { KeyDirectory } from '../tenant/key-directory.js';
import type { KeyStore } from '../tenant/key-store.js';
import type { LeaseStore } from '../tenant/lease-store.js';
import { MemoryAudit } from '../tenant/memory-audit.js';
import { MemoryKeys } from '../tenant/memory-keys.js';
import { MemoryLeases } from '../tenant/memory-leases.js';
import { PostgresAudit } from '../tenant/postgres-audit.js';
import { PostgresKeys } from '../tenant/postgres-keys.js';
import { PostgresLeases } from '../tenant/postgres-leases.js';
import type { DirectoryAsk } from '../thread/directory-calls.js';
import { StartRefused } from './start-refused.js';
import { openIssuer } from './token-issuer.js';

export interface NodeDirectoryOptions {
  /** With the URL that leads to the database; null: keys are in memory. */
  config: Config;
  logger: Logger;
  /** A key may be shown there, to whoever started the node. */
  output: 'terminal' | 'file';
  /** Null: any may have changed. */
  onChanged: (ids: readonly string[] | null) => void;
  /** The tenants that have quotas, all of them, as they are from now on. */
  onQuotas: (quotas: readonly TenantQuotas[]) => void;
}

export interface NodeDirectory {
  /** An acceptor's end of a port to it. */
  openPort: () => MessagePort;
  /** What tokens are sealed with, for acceptors. */
  tokenSecret: Uint8Array;
  /** Of the default tenant, made just now, to be shown once; null: it had one, or is configured. */
  firstKey: string | null;
  /** Of all tenants that have some, as it was read last. */
  quotas: () => readonly TenantQuotas[];
  stop: () => Promise<void>;
}

/** Rejects StartRefused where nobody could call, or could be shown a key. */
export async function startDirectory(options: NodeDirectoryOptions): Promise<NodeDirectory> {
  const { config, logger } = options;
  const issuer = await openIssuer(config, logger);
  const changes = new KeyChanges(options.onChanged);
  const store = openStore(options, changes, () => quotas.changed());
  const quotas: KeptList<TenantQuotas> = new KeptList<TenantQuotas>({
    read: () => store.quotas(),
    onChanged: options.onQuotas,
    onFault: (err) => logger.tell('quotas.not_read', { err }),
  });
  const directory = new KeyDirectory(store, {
    operators: config.adminApiKey === null ? 'none' : 'some',
    issuer,
    configured: new ConfiguredKeys(config),
    limits: config.limits,
    audit: openAudit(config),
    leases: openLeases(config),
  });
  const stop = (): Promise<void> => {
    quotas.close();
    changes.close();
    issuer?.close();
    return directory.stop();
  };
  try {
    const tokenSecret = await directory.tokenSecret();
    await quotas.read();
    const firstKey = await firstKeyOf(directory, options);
    const onFault = (err: unknown): void => logger.tell('keys.failed', { err });
    const openPort = (): MessagePort => {
      const { port1, port2 } = new MessageChannel();
      serveCold(port1, (ask: DirectoryAsk) => directory.answer(ask), onFault);
      return port2;
    };
    return { openPort, tokenSecret, firstKey, quotas: () => quotas.all, stop };
  } catch (error) {
    await stop();
    if (!isTransient(error)) throw error;
    throw new StartRefused(`DATABASE_URL: keys cannot be read: ${messageOf(error)}`, EXIT_LATER);
  }
}

/** `onQuotas`: those of some tenant, or which tenants there are, may be other than before. */
function openStore(
  { config, logger }: NodeDirectoryOptions,
  changes: KeyChanges,
  onQuotas: () => void,
): KeyStore {
  const { databaseUrl, limits, nodeId } = config;
  const onChanged = (ids: readonly string[] | null): void => changes.changed(ids);
  const common = { clock: systemClock, limits, onChanged, onQuotas };
  if (databaseUrl === null) return new MemoryKeys({ ...common, tenant: ANYONE.tenant });
  return new PostgresKeys({
    ...{ ...common, databaseUrl, applicationName: `conduit/${nodeId}/keys` },
    onDeaf: (detail) => logger.tell('keys.not_told', { detail }),
  });
}

function openAudit({ databaseUrl, limits, nodeId }: Config): AuditStore {
  if (databaseUrl === null) return new MemoryAudit({ clock: systemClock, limits });
  return new PostgresAudit({ databaseUrl, applicationName: `conduit/${nodeId}/audit` });
}

function openLeases({ databaseUrl, nodeId }: Config): LeaseStore {
  const clock = systemClock;
  if (databaseUrl === null) return new MemoryLeases(clock);
  return new PostgresLeases({ databaseUrl, applicationName: `conduit/${nodeId}/quotas`, clock });
}

async function firstKeyOf(
  directory: KeyDirectory,
  { config, output }: NodeDirectoryOptions,
): Promise<string | null> {
  const { defaultApiKey, adminApiKey } = config;
  if (defaultApiKey !== null) return null;
  if (output === 'terminal') {
    const right = { scopes: TENANT_SCOPES, topics: null, expiresAtMs: null };
    return directory.createFirst({ tenant: ANYONE.tenant, ...right });
  }
  if (adminApiKey !== null || (await directory.hasKeys())) return null;
  throw new StartRefused(
    'ENABLE_AUTH: nobody could call: set DEFAULT_API_KEY or ADMIN_API_KEY ' +
      '(a key is made by itself only where a terminal shows it)',
  );
}
