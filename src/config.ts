import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import cron from 'node-cron';
import { z } from 'zod';

/** Every setting of the service, read once at the start. */
export interface Config {
  readonly host: string;
  readonly port: number;
  /** Scheme, host and path prefix under which providers reach us, without a slash at the end. */
  readonly publicUrl: string;
  /** Null starts the embedded PostgreSQL in `dataDir`. */
  readonly databaseUrl: string | null;
  readonly dataDir: string;
  readonly masterKey: Buffer;
  readonly bootstrapFile: string | null;
  readonly logLevel: string;
  readonly session: {
    readonly expirySeconds: number;
    readonly callTimeLimitSeconds: number;
    readonly ringTimeoutSeconds: number;
  };
  readonly strictPhones: boolean;
  readonly expirySchedule: string;
  readonly callbackAllowPrivate: boolean;
  /** How long the exchange log is kept. */
  readonly exchangeDays: number;
}

/** Thrown when the environment is wrong; its message lists every fault and no secret. */
export class ConfigError extends Error {}

const whole = (min: number, max: number) => {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.coerce.number({ error }).int({ error }).min(min, { error }).max(max, { error });
};
const seconds = (max: number) => whole(1, max);
const flag = z.enum(['true', 'false']).transform((text) => text === 'true');
const httpUrl = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' });
const MASTER_KEY_BYTES = 32;

const environment = z.object({
  HOST: z.string().min(1).default('127.0.0.1'),
  PORT: whole(1, 65535).default(3000),
  PUBLIC_URL: httpUrl.optional(),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgres:// or postgresql:// URL' }).optional(),
  DATA_DIR: z.string().min(1).default('.bauta'),
  MASTER_KEY: z
    .string()
    .refine((text) => decodeKey(text) !== null, 'must be 32 bytes, as 64 hex digits or in base64')
    .optional(),
  BOOTSTRAP_FILE: z.string().min(1).optional(),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  SESSION_EXPIRY: seconds(7_776_000).default(1800),
  CALL_TIME_LIMIT: seconds(86_400).default(14_400),
  RING_TIMEOUT: seconds(600).default(45),
  STRICT_PHONES: flag.default(false),
  EXPIRY_SCHEDULE: z.string().refine(cron.validate, 'must be a cron line').default('* * * * * *'),
  CALLBACK_ALLOW_PRIVATE: flag.default(false),
  EXCHANGE_DAYS: whole(1, 90).default(7),
});

/**
 * Reads the settings. An empty variable counts as unset.
 *
 * @throws ConfigError with all faults at once.
 */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const result = environment.safeParse(given);
  if (!result.success) {
    const faults = result.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
    throw new ConfigError(`The environment has faults:\n${faults.join('\n')}`);
  }
  const values = result.data;
  return {
    host: values.HOST,
    port: values.PORT,
    publicUrl: (values.PUBLIC_URL ?? ownUrl(values.HOST, values.PORT)).replace(/\/+$/, ''),
    databaseUrl: values.DATABASE_URL ?? null,
    dataDir: resolve(values.DATA_DIR),
    masterKey: (values.MASTER_KEY && decodeKey(values.MASTER_KEY)) || keptKey(resolve(values.DATA_DIR)),
    bootstrapFile: values.BOOTSTRAP_FILE ?? null,
    logLevel: values.LOG_LEVEL,
    session: {
      expirySeconds: values.SESSION_EXPIRY,
      callTimeLimitSeconds: values.CALL_TIME_LIMIT,
      ringTimeoutSeconds: values.RING_TIMEOUT,
    },
    strictPhones: values.STRICT_PHONES,
    expirySchedule: values.EXPIRY_SCHEDULE,
    callbackAllowPrivate: values.CALLBACK_ALLOW_PRIVATE,
    exchangeDays: values.EXCHANGE_DAYS,
  };
}

function ownUrl(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function decodeKey(text: string): Buffer | null {
  const key = /^[0-9a-f]{64}$/i.test(text) ? Buffer.from(text, 'hex') : Buffer.from(text, 'base64');
  return key.length === MASTER_KEY_BYTES ? key : null;
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
