/**
 * The validated, frozen configuration every thread gets as a plain object. options.ts has the one
 * table it is made from.
 */
import type { Limits } from '../core/limits.js';

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

export type LogFormat = 'pretty' | 'json';

export interface Config {
  readonly host: string;
  /** TCP port, 1 to 65535. */
  readonly port: number;
  /** The first database; null: the in-memory log. */
  readonly databaseUrl: string | null;
  /** The others, in the order in which they were added. */
  readonly moreDatabaseUrls: readonly string[];
  /** Folder of the embedded PostgreSQL; null: as data-folder.ts says. */
  readonly dataDir: string | null;
  /** null: nodes find what others publish by looking. */
  readonly redisUrl: string | null;
  /** Begins the names of all channels in Redis. */
  readonly clusterName: string;
  readonly enableAuth: boolean;
  readonly defaultApiKey: string | null;
  readonly adminApiKey: string | null;
  /** Whose JWTs are taken beside the tokens that nodes make; null: nobody's. */
  readonly jwtIssuer: string | null;
  /** That they are made for. */
  readonly jwtAudience: string | null;
  /** Where the keys of the issuer come from: one of the two at most; null: HS256 alone. */
  readonly jwtJwksFile: string | null;
  readonly jwtJwksUrl: string | null;
  /** Shared with the issuer; null: HS256 is not taken. */
  readonly jwtHs256Secret: string | null;
  /** Whose they are. */
  readonly jwtTenant: string;
  /** Unique among the nodes of a database; main.ts may make another one of the host's name. */
  readonly nodeId: string;
  /** `host name`: NODE_ID says nothing. */
  readonly nodeIdFrom: 'NODE_ID' | 'host name';
  /** `host:port`, by which other nodes reach this one. */
  readonly nodeAddr: string;
  readonly internalSecret: string | null;
  /** What other nodes forward is taken there; null: on `port`. */
  readonly internalPort: number | null;
  /** In PEM, all three or none: of that port, for TLS on which both sides show a certificate. */
  readonly internalCaFile: string | null;
  readonly internalCertFile: string | null;
  readonly internalKeyFile: string | null;
  /** `*`, or the origins that browsers may call from, with commas; `loopback`: pages of this machine. */
  readonly corsOrigin: string;
  /** Of TLS, in PEM, both or neither; null: it speaks none. */
  readonly tlsCertFile: string | null;
  readonly tlsKeyFile: string | null;
  /** `*`, `loopback`, or names with commas between: what a Host header may say. */
  readonly allowedHosts: string;
  /** Addresses and blocks with commas between; null: no proxy is believed. */
  readonly trustedProxies: string | null;
  /** The same: addresses inside, to which webhooks may lead; null: none. */
  readonly webhookAllow: string | null;
  readonly acceptors: number;
  readonly workers: number;
  /** Of GET /metrics alone; null: there is none. */
  readonly metricsPort: number | null;
  /** Asked for there; null: nobody is asked. */
  readonly metricsToken: string | null;
  readonly logLevel: LogLevel;
  /** Null: for people where stdout is a terminal, else JSON. */
  readonly logFormat: LogFormat | null;
  readonly autoCreateTopics: boolean;
  /** Whether conduit.publish wakes the release by NOTIFY (it serialises the callers' commits). */
  readonly outboxNotify: boolean;
  readonly limits: Limits;
}

/** Exit code of wrong configuration, as sysexits.h has it. */
export const EXIT_CONFIG = 78;
/** Exit code of a start that found its database away; a later one may find it. Also of sysexits.h. */
export const EXIT_LATER = 75;
