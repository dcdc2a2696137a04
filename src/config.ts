import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { readSecretFiles } from './config-secrets.ts';
import { decodeKey, environment, MASTER_KEY_BYTES } from './settings.ts';

/** Every setting of the service, read once at the start. */
export interface Config {
  readonly host: string;
  readonly port: number;
  /** How many processes share the port. */
  readonly workers: number;
  /** Scheme, host and path prefix under which providers reach us, without a slash at the end. */
  readonly publicUrl: string;
  /** Null starts the embedded PostgreSQL in `dataDir`. */
  readonly databaseUrl: string | null;
  /** PostgreSQL itself, where `databaseUrl` is a pooler in transaction mode; else null. */
  readonly databaseDirectUrl: string | null;
  readonly dataDir: string;
  readonly masterKey: Buffer;
  /** The master key before this one, while it is being replaced. */
  readonly masterKeyPrevious: Buffer | null;
  readonly bootstrapFile: string | null;
  readonly logLevel: string;
  readonly session: {
    readonly expirySeconds: number;
    readonly callTimeLimitSeconds: number;
    readonly ringTimeoutSeconds: number;
  };
  /** The probability up to which all guesses that are allowed at once may name a PIN, see pin-budget.ts. */
  readonly pinRisk: number;
  /** Requests of an account in five seconds, on all instances together; 0 for no limit. */
  readonly rateLimit: number;
  /** Addresses and networks of proxies whose X-Forwarded-For is believed. */
  readonly trustProxy: readonly string[];
  readonly strictPhones: boolean;
  readonly expirySchedule: string;
  readonly callbackAllowPrivate: boolean;
  /** How long the exchange log is kept. */
  readonly exchangeDays: number;
  /** Where metrics are served, apart from everything else; null for nowhere. */
  readonly metrics: { readonly host: string; readonly port: number } | null;
  /** The OpenTelemetry collector that spans are sent to; null for none. */
  readonly traceEndpoint: string | null;
  /** How long after its end a session and its calls keep phones and PINs, and how long calls and callbacks are kept. */
  readonly partyDays: number;
  readonly callDays: number;
}

/** Thrown when the environment is wrong; its message lists every fault and no secret. */
export class ConfigError extends Error {}

/**
 * Reads the settings. An empty variable counts as unset.
 *
 * @throws ConfigError with all faults at once.
 */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const { env: filled, givenBy, faults } = readSecretFiles(given);
  const named = (name: string) => givenBy.get(name) ?? name;
  const result = environment.safeParse(filled);
  const isAlone = filled.DATABASE_DIRECT_URL !== undefined && filled.DATABASE_URL === undefined;
  if (!result.success || faults.length > 0 || isAlone) {
    const others = (result.error?.issues ?? []).map(({ path, message }) => `${named(path.join('.'))}: ${message}`);
    if (isAlone) others.push(`${named('DATABASE_DIRECT_URL')}: is given without DATABASE_URL`);
    throw new ConfigError(
      `The environment has faults:\n${[...faults, ...others].map((line) => `  ${line}`).join('\n')}`,
    );
  }
  const values = result.data;
  return {
    host: values.HOST,
    port: values.PORT,
    workers: values.WORKERS,
    publicUrl: (values.PUBLIC_URL ?? ownUrl(values.HOST, values.PORT)).replace(/\/+$/, ''),
    databaseUrl: values.DATABASE_URL ?? null,
    databaseDirectUrl: values.DATABASE_DIRECT_URL ?? null,
    dataDir: resolve(values.DATA_DIR),
    masterKey: (values.MASTER_KEY && decodeKey(values.MASTER_KEY)) || keptKey(resolve(values.DATA_DIR)),
    masterKeyPrevious: values.MASTER_KEY_PREVIOUS ? decodeKey(values.MASTER_KEY_PREVIOUS) : null,
    bootstrapFile: values.BOOTSTRAP_FILE ?? null,
    logLevel: values.LOG_LEVEL,
    session: {
      expirySeconds: values.SESSION_EXPIRY,
      callTimeLimitSeconds: values.CALL_TIME_LIMIT,
      ringTimeoutSeconds: values.RING_TIMEOUT,
    },
    pinRisk: values.PIN_RISK,
    rateLimit: values.RATE_LIMIT,
    trustProxy: values.TRUST_PROXY,
    strictPhones: values.STRICT_PHONES,
    expirySchedule: values.EXPIRY_SCHEDULE,
    callbackAllowPrivate: values.CALLBACK_ALLOW_PRIVATE,
    exchangeDays: values.EXCHANGE_DAYS,
    metrics: values.METRICS_PORT === undefined ? null : { host: values.METRICS_HOST, port: values.METRICS_PORT },
    traceEndpoint: values.OTEL_EXPORTER_OTLP_ENDPOINT ?? null,
    partyDays: values.RETENTION_PARTY_DAYS,
    callDays: values.RETENTION_CALL_DAYS,
  };
}

function ownUrl(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** The key that an earlier start made in the data directory, or a new one. */
function keptKey(dataDir: string): Buffer {
  const file = join(dataDir, 'master.key');
  if (!existsSync(file)) {
    mkdirSync(dataDir, { recursive: true, mode: 0o755 });
    makeKey(file);
  }
  const key = decodeKey(readFileSync(file, 'utf8').trim());
  if (key === null) throw new ConfigError(`${file} does not hold a master key of ${MASTER_KEY_BYTES} bytes`);
  return key;
}

/**
 * Whole and on the disk, or not at all: nothing that was written with it could be read without it. Where
 * another process makes one in the same moment, the first one counts.
 */
function makeKey(file: string): void {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${randomBytes(MASTER_KEY_BYTES).toString('base64')}\n`, { mode: 0o600, flush: true });
  try {
    linkSync(draft, file);
  } catch (error) {
    if (!existsSync(file)) throw error;
  } finally {
    rmSync(draft);
  }
}
