import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { ConfigError, readConfig } from '../src/config.ts';
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
  test('may all be left out, or be empty', () => {
    const defaults = readConfig({ MASTER_KEY });
    expect(defaults).toMatchObject({
      ...{ host: '127.0.0.1', port: 3000, publicUrl: 'http://127.0.0.1:3000', databaseUrl: null, bootstrapFile: null },
      session: { expirySeconds: 1800, callTimeLimitSeconds: 14_400, ringTimeoutSeconds: 45 },
      ...{ strictPhones: false, callbackAllowPrivate: false, expirySchedule: '* * * * * *', logLevel: 'info' },
      exchangeDays: 7,
    });
    const empty = Object.fromEntries(
      ['HOST', 'PORT', 'PUBLIC_URL', 'DATABASE_URL', 'SESSION_EXPIRY'].map((name) => [name, '']),
    );
    expect(readConfig({ ...empty, MASTER_KEY })).toEqual(defaults);
  });

  test('are each read', () => {
    const env = {
      ...{ MASTER_KEY, HOST: '::1', PORT: '8080', DATABASE_URL: 'postgresql://u:p@db:5432/bauta', DATA_DIR: home },
      ...{
        BOOTSTRAP_FILE: 'b.json',
        LOG_LEVEL: 'debug',
        SESSION_EXPIRY: '60',
        CALL_TIME_LIMIT: '70',
        RING_TIMEOUT: '80',
      },
      ...{ STRICT_PHONES: 'true', EXPIRY_SCHEDULE: '*/5 * * * * *', CALLBACK_ALLOW_PRIVATE: 'true' },
      EXCHANGE_DAYS: '90',
    };
    expect(readConfig(env)).toEqual({
      ...{ host: '::1', port: 8080, publicUrl: 'http://[::1]:8080', databaseUrl: env.DATABASE_URL, dataDir: home },
      ...{ masterKey: KEY, bootstrapFile: 'b.json', logLevel: 'debug' },
      session: { expirySeconds: 60, callTimeLimitSeconds: 70, ringTimeoutSeconds: 80 },
      ...{ strictPhones: true, expirySchedule: '*/5 * * * * *', callbackAllowPrivate: true },
      exchangeDays: 90,
    });
    expect(readConfig({ MASTER_KEY, PUBLIC_URL: 'https://mask.example/api//' }).publicUrl).toBe(
      'https://mask.example/api',
    );
  });

  test.each([
    ['PORT', ['0', '65536', '3000x', '-1']],
    ['PUBLIC_URL', ['example.com', 'ftp://example.com']],
    ['DATABASE_URL', ['localhost:5432', 'mysql://db/x']],
    ['LOG_LEVEL', ['verbose']],
    ['SESSION_EXPIRY', ['0', '7776001', '1.5']],
    ['CALL_TIME_LIMIT', ['0', 'long']],
    ['RING_TIMEOUT', ['601']],
    ['STRICT_PHONES', ['yes', '1']],
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
