import basicAuth from '@fastify/basic-auth';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Account, type Requester, type Scope, scopeOf } from '../core/account.ts';
import type { Deps } from '../deps.ts';
import { actingFor, countRequest, signIn } from '../service/accounts.ts';
import { cookieSignIn, isFromConsole } from './console-cookie.ts';
import { sendProblem, TooMany } from './problems.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The account that a request speaks for: the one in its path, else the one that signed in. */
    actor: Account | null;
    /** The auth id that signed in. */
    signedInAs: string;
    /** Asked by the console: it is shown no phone and no PIN. */
    isMasked: boolean;
  }
}

/** Asks every request of a plugin for HTTP Basic credentials, auth id and auth token, or for the console's cookie. */
export async function requireAccount(app: FastifyInstance, deps: Deps): Promise<void> {
  app.decorateRequest('actor', null);
  app.decorateRequest('signedInAs', '');
  app.decorateRequest('isMasked', false);
  const validate = async (id: string, token: string, request: FastifyRequest) => {
    const result = await signIn(deps, id, token, request.ip).catch((error: Error) => {
      // Without a status the plugin would make it a 401, upon which a client throws its credentials away.
      throw Object.assign(error, { statusCode: 500 });
    });
    if (result.kind === 'signed_in') {
      request.actor = result.account;
      request.signedInAs = result.account.id;
      return;
    }
    deps.metrics.signInsRefused.inc();
    if (result.kind === 'blocked') throw new TooMany(result.seconds);
    throw wrongCredentials();
  };
  await app.register(basicAuth, { authenticate: { realm: 'Bauta' }, validate });
  app.after(() => {
    app.addHook('onRequest', (request, reply, done) => {
      if (!isFromConsole(request)) return void app.basicAuth(request, reply, done);
      // Without a challenge, upon which a browser would open a window of its own.
      const given = cookieSignIn(deps, request);
      request.isMasked = true;
      if (given === null) done(wrongCredentials());
      else validate(given.id, given.token, request).then(() => done(), done);
    });
    app.addHook('onRequest', async (request, reply) => {
      const { auth_id: named } = request.params as { auth_id?: string };
      if (request.actor === null) return;
      const seconds = await countRequest(deps, request.actor);
      if (seconds !== null) throw new TooMany(seconds);
      if (named === undefined) return;
      request.actor = await actingFor(deps, request.actor, named);
      // Another tenant's account answers as one that does not exist.
      if (request.actor === null) return sendProblem(reply, { kind: 'not_found', what: 'account' });
    });
  });
}

function wrongCredentials(): Error {
  return Object.assign(new Error('wrong credentials'), { statusCode: 401 });
}

/** Whose things the request may see, and who asks. */
export function scopeOfRequest(request: FastifyRequest): Scope {
  return { ...scopeOf(actorOf(request)), by: requesterOf(request) };
}

/** Who asks, and with which fields. */
export function requesterOf({ signedInAs, id, body }: FastifyRequest): Requester {
  const names = typeof body === 'object' && body !== null ? Object.keys(body) : [];
  return { actor: signedInAs, requestId: id, fields: names.filter((name) => FIELD_NAME.test(name)) };
}

// Ours; an app may send any other, with digits too.
const FIELD_NAME = /^[a-z_]{1,40}$/;

/** @throws on a route without credentials, which is a fault of ours. */
export function actorOf(request: FastifyRequest): Account {
  if (request.actor === null) throw new Error('a request without account');
  return request.actor;
}
