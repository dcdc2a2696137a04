import type { FastifyInstance, FastifyRequest } from 'fastify';
import * as z from 'zod';
import { type Account, isDemo } from '../core/account.ts';
import type { Deps } from '../deps.ts';
import { signIn } from '../service/accounts.ts';
import { listConnections, watchAccounts } from '../service/console.ts';
import { CONSOLE_HEADER, cookieSignIn, forgetSignIn, isFromConsole, keepSignIn } from './console-cookie.ts';
import { sendEvents } from './console-events.ts';
import { consoleFiles } from './console-files.ts';
import { sendError, TooMany } from './problems.ts';

const signInBody = z.object({ auth_id: z.string().max(40), auth_token: z.string().max(200) });
const hidden = { schema: { hide: true } };

/** The operators' console: its files, its sign-in, and what its pages need beside the API. */
export function consoleRoutes(app: FastifyInstance, deps: Deps): void {
  consoleFiles(app);
  const watch = watchAccounts(deps);
  const closing = new AbortController();
  app.addHook('preClose', async () => closing.abort());
  app.addHook('onClose', async () => watch.close());

  app.post<{ Body: z.output<typeof signInBody> }>(
    '/console/sign-in',
    { schema: { hide: true, body: signInBody } },
    async (request, reply) => {
      if (!isFromConsole(request)) return sendError(reply, 403, `The header ${CONSOLE_HEADER} is missing.`);
      const { auth_id: id, auth_token: token } = request.body;
      const result = await signIn(deps, id, token, request.ip);
      if (result.kind !== 'signed_in') deps.metrics.signInsRefused.inc();
      if (result.kind === 'blocked') throw new TooMany(result.seconds);
      if (result.kind === 'wrong') return sendError(reply, 401, 'The auth id or the auth token is wrong.');
      return reply.header('set-cookie', keepSignIn(deps, { id, token })).send(accountToWire(result.account));
    },
  );

  app.post('/console/sign-out', hidden, async (request, reply) => {
    if (!isFromConsole(request)) return sendError(reply, 403, `The header ${CONSOLE_HEADER} is missing.`);
    return reply.header('set-cookie', forgetSignIn(deps)).code(204).send();
  });

  app.get('/console/me', hidden, async (request, reply) => {
    const account = await visitor(request);
    return account === null ? sendError(reply, 401, 'Nobody is signed in.') : reply.send(accountToWire(account));
  });

  app.get('/console/connections', hidden, async (request, reply) => {
    const account = await visitor(request);
    if (account === null) return sendError(reply, 401, 'Nobody is signed in.');
    const found = await listConnections(deps, account);
    const connections = found.map(({ secrets, refused, ...one }) => ({
      ...{ id: one.id, dialect: one.dialect, currency: one.currency },
      ...{ default_country: one.defaultCountry, default_number: one.defaultNumber },
      ...{ key: secrets.key, address: `${deps.config.publicUrl}/answer/${secrets.key}/` },
      places_calls: secrets.authId !== undefined,
      checks_signatures: secrets.authToken !== undefined || secrets.password !== undefined,
      last_webhook_at: one.lastWebhookAt?.toISOString() ?? null,
      signature_failures: refused?.failures ?? 0,
      last_signature_failure_at: refused?.lastAt.toISOString() ?? null,
    }));
    return reply.header('cache-control', 'no-store').send({ connections });
  });

  app.get('/console/events', hidden, async (request, reply) => {
    const account = await visitor(request);
    if (account === null) return sendError(reply, 401, 'Nobody is signed in.');
    sendEvents(reply, closing.signal, (tell) => watch.follow(account.parentId ?? account.id, tell));
    return reply;
  });

  /** Who is signed in by the cookie, as long as its token is valid. */
  async function visitor(request: FastifyRequest): Promise<Account | null> {
    const given = cookieSignIn(deps, request);
    if (given === null) return null;
    const result = await signIn(deps, given.id, given.token, request.ip);
    return result.kind === 'signed_in' ? result.account : null;
  }

  function accountToWire({ id, name, parentId }: Account) {
    return {
      auth_id: id,
      name,
      is_subaccount: parentId !== null,
      is_demo: isDemo({ name, parentId }),
      public_url: deps.config.publicUrl,
    };
  }
}
