import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Deps } from '../deps.ts';
import { type AuditEntry, bookNow } from '../service/audit.ts';
import { requesterOf, scopeOfRequest } from './auth.ts';

const PREFIX = '/v1/Account/:auth_id';
const PARTIES = ['first_party', 'second_party', 'first_party_pin', 'second_party_pin'];
const LEG = ['from_number', 'to_number'];

/** Reads that show full phones, and the fields that they are in. */
const READS: Readonly<Record<string, { readonly action: string; readonly fields: readonly string[] }>> = {
  '/Masking/Session/': { action: 'session.list', fields: PARTIES },
  '/Masking/Session/:session_uuid/': { action: 'session.get', fields: PARTIES },
  '/Call/': { action: 'call.list', fields: LEG },
  '/Call/:call_uuid/': { action: 'call.get', fields: LEG },
  '/Masking/Exchange/': { action: 'exchange.list', fields: ['request', 'document'] },
};

/** What changes are called. A route that is not here is called by its method and address. */
const CHANGES: Readonly<Record<string, string>> = {
  'POST /Number/': 'number.add',
  'POST /Number/:number/': 'number.update',
  'DELETE /Number/:number/': 'number.remove',
  'POST /Subaccount/': 'subaccount.create',
  'POST /Subaccount/:subaccount_id/': 'subaccount.change',
  'DELETE /Subaccount/:subaccount_id/': 'subaccount.remove',
  'POST /Token/': 'token.renew',
  'DELETE /Token/': 'token.revoke_former',
  'POST /Masking/Policy/': 'policy.change',
  'POST /Masking/Simulate/': 'call.simulate',
  'POST /Masking/Connection/:connection_id/Test/': 'connection.test',
  'POST /Call/:call_uuid/Cost/': 'call.correct',
  'POST /Masking/Callback/Secret/': 'secret.rotate',
  'POST /Masking/Callback/Resend/': 'callback.resend',
  'POST /Masking/Callback/:callback_id/Resend/': 'callback.resend',
  'POST /Masking/Erasure/': 'number.erase',
  'POST /Masking/Endpoint/Pause/': 'endpoint.pause',
  'POST /Masking/Endpoint/Resume/': 'endpoint.resume',
};

/** Those whose own statement books them, see `store/audit.ts`. */
const BOOK_THEMSELVES = /^(POST|DELETE) \/Masking\/Session\//;

/**
 * Books what is done with the API: a change before it is answered, so that none that was answered is missing; a read
 * of full phones beside its answer, once for the whole request. What was refused changed nothing and showed nothing.
 */
export function bookRequests(app: FastifyInstance, deps: Deps): void {
  app.addHook('onSend', async (request, reply) => {
    const path = addressOf(request);
    const route = `${request.method} ${path}`;
    const isChange = !['GET', 'HEAD', 'OPTIONS'].includes(request.method);
    if (!isChange || reply.statusCode >= 300 || request.actor === null || BOOK_THEMSELVES.test(route)) return;
    await bookNow(deps, entryOf(request, CHANGES[route] ?? route, requesterOf(request).fields));
  });
  app.addHook('onResponse', async (request, reply) => {
    const read = request.method === 'GET' ? READS[addressOf(request)] : undefined;
    // What is masked was not read; a reveal is booked by itself.
    if (read === undefined || request.isMasked || reply.statusCode !== 200 || request.actor === null) return;
    deps.audit.record(entryOf(request, read.action, read.fields));
  });

  function entryOf(request: FastifyRequest, action: string, fields: readonly string[]): AuditEntry {
    const { actor, requestId } = requesterOf(request);
    const { accountId } = scopeOfRequest(request);
    return { at: deps.now(), accountId, actor, action, object: objectOf(request), fields, requestId };
  }
}

function addressOf({ routeOptions }: FastifyRequest): string {
  const url = routeOptions.url ?? '';
  return url.startsWith(PREFIX) ? url.slice(PREFIX.length) : url;
}

/** The id in the address. A number there is one of ours; other ids are never digits alone, as a phone is. */
function objectOf(request: FastifyRequest): string {
  const { auth_id: _, number, ...ids } = request.params as Record<string, string>;
  const [id = ''] = Object.values(ids);
  return number ?? (/^[ +]?\d+$/.test(id) ? '' : id);
}
