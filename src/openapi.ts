import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { fastifyZodOpenApiPlugin, fastifyZodOpenApiTransformers } from 'fastify-zod-openapi';
import { buildApp } from './app.ts';
import type { Deps } from './deps.ts';
import { callbackWebhooks } from './http/callback-webhooks.ts';
import { createLog } from './log.ts';
import { createMetrics } from './metrics.ts';
import { connect } from './store/connect.ts';
import { derivedKeys } from './store/key-envelope.ts';
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
      workers: 1,
      publicUrl: 'http://127.0.0.1:3000',
      databaseUrl: null,
      databaseDirectUrl: null,
      dataDir: '.',
      masterKey: Buffer.alloc(32),
      masterKeyPrevious: null,
      bootstrapFile: null,
      logLevel: 'silent',
      session: { expirySeconds: 1800, callTimeLimitSeconds: 14_400, ringTimeoutSeconds: 45 },
      pinRisk: 0.001,
      rateLimit: 0,
      trustProxy: [],
      strictPhones: false,
      expirySchedule: '* * * * * *',
      callbackAllowPrivate: false,
      exchangeDays: 7,
      metrics: null,
      traceEndpoint: null,
      partyDays: 30,
      callDays: 365,
    },
    db,
    answerDb: db,
    watchDb: db,
    metrics: createMetrics(),
    tracer: null,
    vault: openVault(derivedKeys(Buffer.alloc(32))),
    log: createLog('silent'),
    now: () => new Date(0),
    random: () => 0,
    newUuid: () => '',
    newKey: () => '',
    exchanges: { record: () => {}, written: async () => {}, flush: async () => {}, close: async () => {} },
    audit: { record: () => {}, flush: async () => {}, close: async () => {} },
    signatureFailures: { record: () => {}, flush: async () => {} },
    placeCall: async () => ({ kind: 'unknown', status: null }),
    placer: { wake: () => {}, close: async () => {} },
    callbacksBooked: () => {},
    holdCallbacks: () => () => {},
    send: async () => ({ ok: false, status: null, error: 'network' }),
  };
  const app = await buildApp(deps, describe);
  await app.ready();
  const document = app.swagger();
  await app.close();
  return document;
}

async function describe(app: FastifyInstance): Promise<void> {
  await app.register(fastifyZodOpenApiPlugin);
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Bauta',
        version: '0.1.0',
        description: 'Number masking: two people talk over a virtual number and neither sees the other’s number.',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      components: {
        securitySchemes: { basic: { type: 'http', scheme: 'basic', description: 'Auth id and auth token.' } },
      },
      webhooks: callbackWebhooks(),
    },
    ...fastifyZodOpenApiTransformers,
  });
}
