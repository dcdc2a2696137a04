import { randomUUID } from 'node:crypto';
import { buildApp } from './app.ts';
import type { Deps } from './deps.ts';
import { createLog } from './log.ts';
import { connect } from './store/connect.ts';
import { openVault } from './store/vault.ts';

/**
 * The API's OpenAPI document, as the routes publish it. Nothing is connected: a pool connects when it is
 * first used, and no route is asked.
 */
export async function openApiDocument(): Promise<object> {
  const db = connect('postgres://localhost/none', { connections: 1, statementTimeoutMs: 1 });
  const deps: Deps = {
    config: {
      host: '127.0.0.1',
      port: 3000,
      publicUrl: 'http://127.0.0.1:3000',
      databaseUrl: null,
      dataDir: '.',
      masterKey: Buffer.alloc(32),
      bootstrapFile: null,
      logLevel: 'silent',
      session: { expirySeconds: 1800, callTimeLimitSeconds: 14_400, ringTimeoutSeconds: 45 },
      strictPhones: false,
      expirySchedule: '* * * * * *',
      callbackAllowPrivate: false,
      exchangeDays: 7,
    },
    db,
    answerDb: db,
    vault: openVault(Buffer.alloc(32)),
    log: createLog('silent'),
    now: () => new Date(0),
    random: () => 0,
    newUuid: randomUUID,
    newKey: () => '',
    exchanges: { record: () => {}, written: async () => {}, flush: async () => {}, close: async () => {} },
    placeCall: async () => ({ kind: 'unknown', status: null }),
    placer: { wake: () => {}, close: async () => {} },
    send: async () => ({ ok: false, status: null, error: 'network' }),
  };
  const app = await buildApp(deps);
  await app.ready();
  const document = app.swagger();
  await app.close();
  return document;
}
