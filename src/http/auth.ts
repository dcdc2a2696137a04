import basicAuth from '@fastify/basic-auth';
import type { FastifyInstance, FastifyRequest, onRequestAsyncHookHandler } from 'fastify';
import { type Account, type Scope, scopeOf } from '../core/account.ts';
import type { Deps } from '../deps.ts';
import { actingFor, signIn } from '../service/accounts.ts';
import { sendProblem } from './problems.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** The account that a request speaks for: the one in its path, else the one that signed in. */
    actor: Account | null;
  }
}

/** Asks every request of a plugin for HTTP Basic credentials: auth id and auth token. */
export async function requireAccount(app: FastifyInstance, deps: Deps): Promise<void> {
  app.decorateRequest('actor', null);
  await app.register(basicAuth, {
    authenticate: { realm: 'Bauta' },
    validate: async (id, token, request) => {
      request.actor = await signIn(deps, id, token).catch((error: Error) => {
        // Without a status the plugin would make it a 401, upon which a client throws its credentials away.
        throw Object.assign(error, { statusCode: 500 });
      });
      if (request.actor === null) throw Object.assign(new Error('wrong credentials'), { statusCode: 401 });
    },
  });
  app.after(() => {
    app.addHook('onRequest', app.basicAuth as unknown as onRequestAsyncHookHandler);
    app.addHook('onRequest', async (request, reply) => {
      const { auth_id: named } = request.params as { auth_id?: string };
      if (named === undefined || request.actor === null) return;
      request.actor = await actingFor(deps, request.actor, named);
      // Another tenant's account answers as one that does not exist.
      if (request.actor === null) return sendProblem(reply, { kind: 'not_found', what: 'account' });
    });
  });
}

/** Whose things the request may see. */
export function scopeOfRequest(request: FastifyRequest): Scope {
  return scopeOf(actorOf(request));
}

/** @throws on a route without credentials, which is a fault of ours. */
export function actorOf(request: FastifyRequest): Account {
  if (request.actor === null) throw new Error('a request without account');
  return request.actor;
}
