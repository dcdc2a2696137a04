import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { ConfigError, readConfig } from '../src/config.ts';
import { settingsTable } from '../src/settings.ts';
import { builtService } from './built.ts';

const KEY = Buffer.alloc(32, 9);
const MASTER_KEY = KEY.toString('hex');
const home = mkdtempSync(path.join(tmpdir(), 'bauta-config-'));

afterAll(() => rmSync(home, { recursive: true, force: true }));

const faultsOf = (env: NodeJS.ProcessEnv): string => {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return '';
};

describe('the settings', () => {
  test('are in the README as the schema has them; `npm run settings` brings it up to date', () => {
    expect(settingsTable()).not.toContain('undefined');
    expect(readFileSync('README.md', 'utf8')).toContain(`## Settings\n\n${settingsTable()}\n`);
  });

  test('may all be left out, or be empty', () => {
    const defaults = readConfig({ MASTER_KEY });
    expect(defaults).toMatchObject({
      ...{
        host: '127.0.0.1',
        port: 3000,
        workers: 1,
        publicUrl: 'http://127.0.0.1:3000',
        databaseUrl: null,
        databaseDirectUrl: null,
        bootstrapFile: null,
      },
      session: { expirySeconds: 1800, callTimeLimitSeconds: 14_400, ringTimeoutSeconds: 45 },
      pinRisk: 0.001,
      rateLimit: 300,
      trustProxy: [],
      ...{ strictPhones: false, callbackAllowPrivate: false, expirySchedule: '* * * * * *', logLevel: 'info' },
      ...{ exchangeDays: 7, metrics: null, traceEndpoint: null },
      ...{ exchangeDays: 7, partyDays: 30, callDays: 365 },
    });
    const empty = Object.fromEntries(
      ['HOST', 'PORT', 'PUBLIC_URL', 'DATABASE_URL', 'SESSION_EXPIRY'].map((name) => [name, '']),
    );
    expect(readConfig({ ...empty, MASTER_KEY })).toEqual(defaults);
  });

  test('make as many workers as there are cores, where they are asked to', () => {
    expect(readConfig({ MASTER_KEY, WORKERS: 'auto' }).workers).toBe(availableParallelism());
  });

  test('are each read', () => {
    const env = {
      ...{
        MASTER_KEY,
        HOST: '::1',
        PORT: '8080',
        WORKERS: '3',
        DATABASE_URL: 'postgresql://u:p@db:5432/bauta',
        DATABASE_DIRECT_URL: 'postgres://u:p@db:5433/bauta',
        DATA_DIR: home,
      },
      ...{
        BOOTSTRAP_FILE: 'b.json',
        LOG_LEVEL: 'debug',
        SESSION_EXPIRY: '60',
        CALL_TIME_LIMIT: '70',
        RING_TIMEOUT: '80',
      },
      PIN_RISK: '0.01',
      RATE_LIMIT: '0',
      TRUST_PROXY: '10.0.0.1, fd00::/8',
      ...{ STRICT_PHONES: 'true', EXPIRY_SCHEDULE: '*/5 * * * * *', CALLBACK_ALLOW_PRIVATE: 'true' },
      ...{ EXCHANGE_DAYS: '90', METRICS_HOST: '10.0.0.1', METRICS_PORT: '9464' },
      ...{ EXCHANGE_DAYS: '90', RETENTION_PARTY_DAYS: '40', RETENTION_CALL_DAYS: '400' },
      MASTER_KEY_PREVIOUS: Buffer.alloc(32, 8).toString('hex'),
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318',
    };
    expect(readConfig(env)).toEqual({
      ...{
        host: '::1',
        port: 8080,
        workers: 3,
        publicUrl: 'http://[::1]:8080',
        databaseUrl: env.DATABASE_URL,
        databaseDirectUrl: env.DATABASE_DIRECT_URL,
        dataDir: home,
      },
      ...{ masterKey: KEY, masterKeyPrevious: Buffer.alloc(32, 8), bootstrapFile: 'b.json', logLevel: 'debug' },
      session: { expirySeconds: 60, callTimeLimitSeconds: 70, ringTimeoutSeconds: 80 },
      pinRisk: 0.01,
      rateLimit: 0,
      trustProxy: ['10.0.0.1', 'fd00::/8'],
      ...{ strictPhones: true, expirySchedule: '*/5 * * * * *', callbackAllowPrivate: true },
      ...{ exchangeDays: 90, metrics: { host: '10.0.0.1', port: 9464 } },
      traceEndpoint: 'http://collector:4318',
      ...{ exchangeDays: 90, partyDays: 40, callDays: 400 },
    });
    expect(readConfig({ MASTER_KEY, METRICS_PORT: '9464' }).metrics).toEqual({ host: '127.0.0.1', port: 9464 });
    expect(readConfig({ MASTER_KEY, PUBLIC_URL: 'https://mask.example/api//' }).publicUrl).toBe(
      'https://mask.example/api',
    );
  });

  test.each([
    ['PORT', ['0', '65536', '3000x', '-1']],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', ['collector:4318', 'grpc://collector']],
    ['METRICS_PORT', ['0', '65536', 'on']],
    ['PUBLIC_URL', ['example.com', 'ftp://example.com']],
    ['DATABASE_URL', ['localhost:5432', 'mysql://db/x']],
    // The last one would do with a DATABASE_URL beside it.
    ['DATABASE_DIRECT_URL', ['localhost:5432', 'mysql://db/x', 'postgres://db/x']],
    ['LOG_LEVEL', ['verbose']],
    ['SESSION_EXPIRY', ['0', '7776001', '1.5']],
    ['CALL_TIME_LIMIT', ['0', 'long']],
    ['RING_TIMEOUT', ['601']],
    ['STRICT_PHONES', ['yes', '1']],
    ['RATE_LIMIT', ['-1', 'many']],
    ['WORKERS', ['0', '65', '1.5', 'many']],
    ['TRUST_PROXY', ['loopback', '10.0.0.1,', '10.0.0.0/99']],
    ['PIN_RISK', ['0', '-0.1', '1.1', 'low']],
    ['EXPIRY_SCHEDULE', ['every minute', '61 * * * * *']],
    ['CALLBACK_ALLOW_PRIVATE', ['True']],
    ['EXCHANGE_DAYS', ['0', '91', 'week']],
    ['MASTER_KEY', ['ab', 'z'.repeat(64), Buffer.alloc(31).toString('base64')]],
  ])('%s is refused where it makes no sense', (name, values) => {
    for (const value of values)
      expect([value, faultsOf({ MASTER_KEY, [name]: value })]).toEqual([value, expect.stringContaining(`  ${name}: `)]);
  });

  test('are refused with all their faults at once, without a value of them', () => {
    const message = faultsOf({
      PORT: 'x',
      DATABASE_URL: 'db://me:hunter2@x',
      MASTER_KEY: 'hunter3',
      STRICT_PHONES: 'hunter4',
    });
    expect(
      message
        .split('\n')
        .slice(1)
        .map((line) => line.split(':')[0]?.trim()),
    ).toEqual(['PORT', 'DATABASE_URL', 'MASTER_KEY', 'STRICT_PHONES']);
    expect(message).not.toContain('hunter');
  });
});

describe('a secret in a file', () => {
  const URL_WITH_PASSWORD = 'postgres://bauta:hunter2@db:5432/bauta';
  const fileWith = (text: string): string => {
    const file = path.join(home, 'secret');
    writeFileSync(file, text);
    return file;
  };

  test.each(['', '\n', '\r\n'])('is read without the line end %j after it', (end) => {
    expect(readConfig({ MASTER_KEY_FILE: fileWith(`${MASTER_KEY}${end}`) }).masterKey).toEqual(KEY);
    const config = readConfig({ MASTER_KEY, DATABASE_URL_FILE: fileWith(`${URL_WITH_PASSWORD}${end}`) });
    expect(config.databaseUrl).toBe(URL_WITH_PASSWORD);
  });

  test.each(['MASTER_KEY', 'DATABASE_URL'])('is refused for %s where it is given twice, not there or empty', (name) => {
    const by = (file: string, more = {}) => faultsOf({ MASTER_KEY, [`${name}_FILE`]: file, ...more });
    const head = `The environment has faults:\n  ${name}_FILE: `;
    const alone = name === 'MASTER_KEY' ? { MASTER_KEY: '' } : {};
    expect(by(fileWith('x'), { [name]: name === 'MASTER_KEY' ? MASTER_KEY : URL_WITH_PASSWORD })).toBe(
      `${head}cannot be given together with ${name}`,
    );
    expect(by(path.join(home, 'hunter2'), alone)).toBe(`${head}the file cannot be read (ENOENT)`);
    expect(by(home, alone)).toBe(`${head}the file cannot be read (EISDIR)`);
    expect(by(fileWith('\n'), alone)).toBe(`${head}the file is empty`);
  });

  test('makes no key of its own in place of one that could not be read', () => {
    const DATA_DIR = path.join(home, 'untouched');
    expect(faultsOf({ DATA_DIR, MASTER_KEY_FILE: fileWith('') })).toContain('MASTER_KEY_FILE');
    expect(() => statSync(DATA_DIR)).toThrow('ENOENT');
  });

  test('is refused by the name of its file beside all other faults, without the secret', () => {
    const message = faultsOf({
      PORT: 'x',
      MASTER_KEY_FILE: fileWith('hunter3'),
      DATABASE_URL_FILE: fileWith('hunter3'),
    });
    expect(message.match(/^ {2}[A-Z_]+(?=: )/gm)?.sort()).toEqual([
      '  DATABASE_URL_FILE',
      '  MASTER_KEY_FILE',
      '  PORT',
    ]);
    expect(message).not.toContain('hunter');
  });
});

describe('the master key', () => {
  test.each([
    ['64 hex digits', KEY.toString('hex').toUpperCase()],
    ['base64', KEY.toString('base64')],
    ['base64 for URLs', KEY.toString('base64url')],
  ])('may be given as %s', (_how, text) => {
    expect(readConfig({ MASTER_KEY: text }).masterKey).toEqual(KEY);
  });

  test('is made where none is given: once, for its owner alone, with nothing left beside it', () => {
    const DATA_DIR = path.join(home, 'a/b');
    const made = readConfig({ DATA_DIR }).masterKey;
    expect(made).toHaveLength(32);
    expect(readConfig({ DATA_DIR }).masterKey).toEqual(made);
    expect(readConfig({ DATA_DIR: path.join(home, 'c') }).masterKey).not.toEqual(made);
    expect(readdirSync(DATA_DIR)).toEqual(['master.key']);
    expect(statSync(path.join(DATA_DIR, 'master.key')).mode & 0o777).toBe(0o600);
  });

  test('is the same for processes that make it in the same moment', async () => {
    const began = Date.now() + 1500;
    const program = `const { readConfig } = await import(process.argv[1]);
      for (let i = 0; i < 40; i++) {
        while (Date.now() < ${began} + 20 * i);
        console.log(i, readConfig({ DATA_DIR: '${home}/race/' + i }).masterKey.toString('hex'));
      }`;
    const parameters = ['--input-type=module', '-e', program, path.join(builtService(), 'config.js')];
    const said = await Promise.all([0, 1, 2].map(() => promisify(execFile)(process.execPath, parameters)));
    expect(new Set(said.map(({ stdout }) => stdout)).size).toBe(1);
  });

  test('that was kept and is damaged is refused, named and left as it is', () => {
    const file = path.join(home, 'master.key');
    writeFileSync(file, 'half a k');
    expect(faultsOf({ DATA_DIR: home })).toBe(`${file} does not hold a master key of 32 bytes`);
    expect(readFileSync(file, 'utf8')).toBe('half a k');
  });
});
