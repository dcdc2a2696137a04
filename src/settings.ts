import { availableParallelism } from 'node:os';
import cron from 'node-cron';
import * as z from 'zod';
import { SECRET_SETTINGS } from './config-secrets.ts';

const whole = (min: number, max: number) => {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.coerce.number({ error }).int({ error }).min(min, { error }).max(max, { error });
};
const seconds = (max: number) => whole(1, max);
const databaseUrl = z.url({ protocol: /^postgres(ql)?$/, error: 'must be a postgres:// or postgresql:// URL' });
const flag = z.enum(['true', 'false']).transform((text) => text === 'true');
const httpUrl = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' });
const PIN_RISK_RULE = 'must be a probability above 0, such as 0.001';
const NETWORK = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]);
export const MASTER_KEY_BYTES = 32;
const keyText = z
  .string()
  .refine((text) => decodeKey(text) !== null, 'must be 32 bytes, as 64 hex digits or in base64');

/** Every variable, with its rule, its default and what the README says of it. */
export const environment = z.object({
  HOST: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe('Where it listens; `0.0.0.0` for every network of the machine.'),
  PORT: whole(1, 65535).default(3000).describe('Likewise.'),
  WORKERS: z
    .string()
    .transform((text) => (text === 'auto' ? availableParallelism() : Number(text)))
    .refine(
      (count) => Number.isInteger(count) && count >= 1 && count <= 64,
      'must be auto or a whole number from 1 to 64',
    )
    .default(1)
    .describe('How many processes share the port, `auto` for as many as there are cores.'),
  PUBLIC_URL: httpUrl.optional().describe('The address under which providers reach it.'),
  DATABASE_URL: databaseUrl
    .optional()
    .describe(
      'A PostgreSQL (15 or newer). Without it, one is started in `DATA_DIR`. A process opens 22 connections at most.',
    ),
  DATABASE_DIRECT_URL: databaseUrl
    .optional()
    .describe(
      'PostgreSQL itself, where `DATABASE_URL` is a PgBouncer in transaction mode: migrations and tools go there.',
    ),
  DATA_DIR: z
    .string()
    .min(1)
    .default('.bauta')
    .describe('The embedded database, and the master key where it is not set.'),
  MASTER_KEY: keyText
    .optional()
    .describe('32 bytes, hex or base64: opens the keys that encrypt phones, PINs and secrets.'),
  MASTER_KEY_PREVIOUS: keyText.optional().describe('The master key before this one, while it is being replaced.'),
  BOOTSTRAP_FILE: z.string().min(1).optional().describe('Accounts, connections and numbers, declared.'),
  LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
    .default('info')
    .describe('`fatal`, `error`, `warn`, `info`, `debug`, `trace` or `silent`.'),
  SESSION_EXPIRY: seconds(7_776_000).default(1800).describe('Seconds, where a session does not say.'),
  CALL_TIME_LIMIT: seconds(86_400).default(14_400).describe('Seconds, likewise.'),
  RING_TIMEOUT: seconds(600).default(45).describe('Seconds, likewise.'),
  PIN_RISK: z.coerce
    .number({ error: PIN_RISK_RULE })
    .gt(0, { error: PIN_RISK_RULE })
    .max(1, { error: PIN_RISK_RULE })
    .default(0.001)
    .describe(
      'The probability up to which all guesses that are allowed at once may name a PIN on a number; how long generated PINs are follows from it.',
    ),
  RATE_LIMIT: whole(0, 1_000_000)
    .default(300)
    .describe('Requests of an account in 5 seconds, on all instances together; `0` for no limit.'),
  TRUST_PROXY: z
    .string()
    .transform((text) => text.split(',').map((part) => part.trim()))
    .refine((parts) => parts.every((part) => NETWORK.safeParse(part).success), 'must be addresses or networks')
    .default([])
    .describe('Addresses and networks of your proxies, whose `X-Forwarded-For` tells where a request comes from.'),
  STRICT_PHONES: flag.default(false).describe('`true` refuses numbers that no plan uses, such as fictional ones.'),
  EXPIRY_SCHEDULE: z
    .string()
    .refine(cron.validate, 'must be a cron line')
    .default('* * * * * *')
    .describe('When ended sessions are announced (a cron line with seconds).'),
  CALLBACK_ALLOW_PRIVATE: flag.default(false).describe('`true` lets callbacks go to private addresses, for tests.'),
  EXCHANGE_DAYS: whole(1, 90).default(7).describe('How long the exchange log is kept.'),
  METRICS_HOST: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe('Where `GET /metrics` is served, for Prometheus. Never make it public.'),
  METRICS_PORT: whole(1, 65535).optional().describe('Likewise; without it nowhere.'),
  OTEL_EXPORTER_OTLP_ENDPOINT: httpUrl
    .optional()
    .describe(
      'An OpenTelemetry collector (OTLP over HTTP) that gets a span per request; without it nothing is traced.',
    ),
  RETENTION_PARTY_DAYS: whole(1, 3650)
    .default(30)
    .describe(
      'After so many days phones, PINs and keyed digits of ended sessions and of calls are removed, as by an erasure.',
    ),
  RETENTION_CALL_DAYS: whole(1, 3650)
    .default(365)
    .describe(
      'After so many days calls, recordings and callbacks that came to their end are deleted. Sessions and totals keep what they counted.',
    ),
});

/** The 32 bytes of a key as 64 hex digits or in base64; null for anything else. */
export function decodeKey(text: string): Buffer | null {
  const key = /^[0-9a-f]{64}$/i.test(text) ? Buffer.from(text, 'hex') : Buffer.from(text, 'base64');
  return key.length === MASTER_KEY_BYTES ? key : null;
}

// What is worked out where nothing is given.
const WORKED_OUT: Readonly<Record<string, string>> = {
  PUBLIC_URL: '`http://HOST:PORT`',
  MASTER_KEY: 'made in `DATA_DIR`',
};

/** The settings as the README's table, in Markdown. */
export function settingsTable(): string {
  const rows = Object.entries(environment.shape).map(([name, rule]) => {
    const byDefault = rule.safeParse(undefined).data;
    const shown = byDefault === undefined || String(byDefault) === '' ? '' : `\`${byDefault}\``;
    return `| \`${name}\` | ${WORKED_OUT[name] ?? shown} | ${rule.description} |`;
  });
  const files = SECRET_SETTINGS.map((name) => `\`${name}_FILE\``).join(', ');
  rows.push(`| ${files} | | A file that the secret is read from, in place of the variable of that name. |`);
  return ['| Variable | Default | Meaning |', '|---|---|---|', ...rows, ''].join('\n');
}
