import { randomInt } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { buildApp } from '../../src/app.ts';
import type { Config } from '../../src/config.ts';
import type { Deps } from '../../src/deps.ts';
import { newKey, newUuid } from '../../src/ids.ts';
import { createLog } from '../../src/log.ts';
import { createMetrics, watchPool } from '../../src/metrics.ts';
import { callbackRequest } from '../../src/outbound/callback-request.ts';
import { guardedAgent } from '../../src/outbound/guard.ts';
import { placeCall, placingAgent } from '../../src/outbound/place-call.ts';
import { sendCallback } from '../../src/outbound/send-callback.ts';
import { startAuditLog } from '../../src/service/audit.ts';
import { applyBootstrap, parseBootstrap } from '../../src/service/bootstrap.ts';
import { type Dispatcher, startDispatcher } from '../../src/service/callbacks.ts';
import { startExchangeLog } from '../../src/service/exchanges.ts';
import { startPlacer } from '../../src/service/placements.ts';
import { startFailureLog } from '../../src/service/signature-failures.ts';
import { connect, disconnect } from '../../src/store/connect.ts';
import { prepareKeys } from '../../src/store/key-ring.ts';
import { openVault } from '../../src/store/vault.ts';
import { freshDatabase } from '../database.ts';
import { pooled } from './pgbouncer.ts';

/** The whole service on a database of its own, without the clock's jobs: a test calls those itself. */
export interface TestService {
  readonly deps: Deps;
  readonly app: FastifyInstance;
  /** The address it listens on, which is its PUBLIC_URL too. */
  readonly url: string;
  readonly databaseUrl: string;
  readonly dispatcher: Dispatcher;
  close(): Promise<void>;
}

/** An account as tests declare it. */
export const MAIN = { id: 'MAAAAAAAAAAAAAAAAAAA', token: 'main-token-0123456789' };
export const SUB = { id: 'SAAAAAAAAAAAAAAAAAAA', token: 'sub-token-0123456789' };
export const OTHER = { id: 'MABBBBBBBBBBBBBBBBBB', token: 'other-token-0123456789' };
export const PLIVO_KEY = 'plivo-connection-key';
export const PLIVO_TOKEN = 'plivo-connection-token';
export const HIPCALL_KEY = 'hipcall-connection-key';
export const OTHER_KEY = 'other-connection-key';

/** Two main accounts and a subaccount; connections of both dialects; US and TR numbers. */
export function declared(overrides: { us?: number; tr?: number; hipcall?: object; plivo?: object } = {}) {
  const us = Array.from({ length: overrides.us ?? 5 }, (_, i) => `+1415555${String(100 + i).padStart(4, '0')}`);
  const tr = Array.from({ length: overrides.tr ?? 5 }, (_, i) => `+90212555${String(100 + i).padStart(4, '0')}`);
  return {
    accounts: [
      { auth_id: MAIN.id, auth_token: MAIN.token, name: 'main' },
      { auth_id: SUB.id, auth_token: SUB.token, name: 'sub', parent: MAIN.id },
      { auth_id: OTHER.id, auth_token: OTHER.token, name: 'other' },
    ],
    providers: [
      { key: PLIVO_KEY, account: MAIN.id, dialect: 'plivo', auth_token: PLIVO_TOKEN, ...overrides.plivo },
      {
        key: HIPCALL_KEY,
        account: MAIN.id,
        dialect: 'hipcall',
        username: 'hip',
        password: 'call',
        default_country: 'TR',
        ...overrides.hipcall,
      },
      { key: OTHER_KEY, account: OTHER.id, dialect: 'plivo' },
    ],
    numbers: [
      ...us.map((number) => ({ number, account: MAIN.id, provider: PLIVO_KEY })),
      ...tr.map((number) => ({ number, account: MAIN.id, provider: HIPCALL_KEY })),
      { number: '+14155550901', account: SUB.id, provider: PLIVO_KEY },
      { number: '+14155550902', account: OTHER.id, provider: OTHER_KEY },
    ],
  };
}

export interface TestServiceOptions {
  readonly bootstrap?: object;
  readonly config?: Partial<Config>;
  /** Share another service's database, as a second instance of it. */
  readonly databaseUrl?: string;
  readonly deps?: Partial<Deps>;
  /** Lines of the log, as they would be printed. */
  readonly logLines?: string[];
}

const FORCED = process.env.TEST_BATCH;
/** The most callers that share a statement: races must come to the same with any. */
const BATCH = Number(FORCED ?? 64);
/** Of the longest races, the part that is run again with another number: one of so many. */
export const PART = FORCED === undefined ? 1 : 6;

export const MASTER_KEY = Buffer.alloc(32, 7);

export async function startService(options: TestServiceOptions = {}): Promise<TestService> {
  const database = options.databaseUrl === undefined ? await freshDatabase() : null;
  const databaseUrl = options.databaseUrl ?? database?.url ?? '';
  const metrics = createMetrics();
  const pool = (name: Parameters<typeof watchPool>[1], connections: number, statementTimeoutMs: number) =>
    connect(pooled(databaseUrl), {
      connections,
      statementTimeoutMs,
      isPooled: pooled(databaseUrl) !== databaseUrl,
      batch: BATCH,
      watch: watchPool(metrics, name, connections),
      isByIndex: name !== 'watch',
      isPlannedOnce: name === 'answers',
    });
  const db = pool('api', 5, 5_000);
  const answerDb = pool('answers', 5, 1_500);
  const watchDb = pool('watch', 2, 1_000);
  const keys = await prepareKeys(db, { current: MASTER_KEY, previous: null });
  if (keys === null) throw new Error('another master key');
  const vault = openVault(keys);
  const agent = guardedAgent({ allowPrivate: options.config?.callbackAllowPrivate ?? true });
  const providerAgent = placingAgent();
  const config: Config = {
    host: '127.0.0.1',
    port: 0,
    workers: 1,
    publicUrl: '',
    databaseUrl,
    databaseDirectUrl: null,
    dataDir: '/nonexistent',
    masterKey: MASTER_KEY,
    masterKeyPrevious: null,
    bootstrapFile: null,
    logLevel: 'info',
    session: { expirySeconds: 1800, callTimeLimitSeconds: 14_400, ringTimeoutSeconds: 45 },
    pinRisk: 0.001,
    rateLimit: 0,
    trustProxy: [],
    strictPhones: false,
    expirySchedule: '* * * * * *',
    callbackAllowPrivate: true,
    exchangeDays: 7,
    metrics: null,
    traceEndpoint: null,
    partyDays: 30,
    callDays: 365,
    ...options.config,
  };
  const { logLines } = options;
  const log = createLog(logLines ? 'debug' : 'silent', { write: (line: string) => void logLines?.push(line) });
  const exchanges = startExchangeLog({ db, vault, log, newUuid });
  const reach: Omit<Deps, 'placer'> = {
    // Filled in once the port is known.
    config,
    db,
    answerDb,
    watchDb,
    vault,
    log,
    metrics,
    tracer: null,
    exchanges,
    audit: startAuditLog({ db, log }),
    signatureFailures: startFailureLog({ db }),
    now: () => new Date(),
    random: (below) => randomInt(below),
    newUuid,
    newKey,
    // A test wakes the dispatcher itself.
    callbacksBooked: () => {},
    holdCallbacks: () => () => {},
    placeCall: (call) => placeCall(providerAgent, call, 2_000),
    send: (callback) => sendCallback(agent, callbackRequest(callback), 2_000),
    ...options.deps,
  };
  const deps: Deps = { ...reach, placer: startPlacer(reach) };
  if (options.databaseUrl === undefined) {
    await applyBootstrap(deps, parseBootstrap(JSON.stringify(options.bootstrap ?? declared())));
  }
  const app = await buildApp(deps);
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  Object.assign(config, { publicUrl: config.publicUrl || url });
  const dispatcher = startDispatcher(deps);
  return {
    deps,
    app,
    url,
    databaseUrl,
    dispatcher,
    async close() {
      await app.close();
      await Promise.all([dispatcher.close(), deps.placer.close()]);
      await Promise.all([deps.exchanges.close(), deps.audit.close(), deps.signatureFailures.flush()]);
      await Promise.all([agent.destroy(), providerAgent.destroy()]);
      await Promise.all([db, answerDb, watchDb].map((one) => disconnect(one, 1)));
      await database?.drop();
    },
  };
}

/** A request of the API, signed in as MAIN unless told otherwise. */
export async function api(
  service: Pick<TestService, 'url'>,
  method: string,
  path: string,
  body?: unknown,
  as: { id: string; token: string } | null = MAIN,
): Promise<{ status: number; headers: Headers; body: Record<string, never> & { error?: string } }> {
  const response = await fetch(service.url + path, {
    method,
    headers: {
      ...(as && { authorization: `Basic ${Buffer.from(`${as.id}:${as.token}`).toString('base64')}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text ? JSON.parse(text) : {} };
}

export const SESSIONS = `/v1/Account/${MAIN.id}/Masking/Session/`;

/** Makes a session and gives its answer's body; throws when it was refused. */
export async function makeSession(service: Pick<TestService, 'url'>, wish: object): Promise<CreatedSession> {
  const made = await api(service, 'POST', SESSIONS, wish);
  if (made.status !== 201) throw new Error(`not created: ${made.status} ${made.body.error}`);
  return made.body as unknown as CreatedSession;
}

export interface CreatedSession {
  readonly session_uuid: string;
  readonly virtual_number: string;
  readonly session: Readonly<Record<string, never>> & {
    readonly first_party_pin: string;
    readonly second_party_pin: string;
  };
}
