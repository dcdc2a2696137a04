import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import { maskPhone } from '../core/phone.ts';
import type { Deps } from '../deps.ts';
import { answerCall, calleePlay } from '../service/calls.ts';
import type { ConnectionFinder } from '../service/connections.ts';
import { document, inTime, refusal, type WebhookKind, webhookErrors } from './webhook.ts';

const inSchema = { tags: ['Telephony providers'] };
const key = z.string().meta({ description: 'The unguessable key of a provider connection.' });

const plivoDocument = z.string().meta({
  examples: [
    '<?xml version="1.0" encoding="UTF-8"?>\n<Response><Dial callerId="14155550100" timeout="45" timeLimit="14400" action="https://bauta.example/answer/key/dial-action/" method="POST" redirect="false" callbackUrl="https://bauta.example/answer/key/dial-callback/" callbackMethod="POST"><Number>12025551111</Number></Dial></Response>',
  ],
});
const hipcallDocument = z
  .object({ version: z.literal('1'), seq: z.array(z.looseObject({ action: z.string() })) })
  .meta({ examples: [{ version: '1', seq: [{ action: 'dial', args: { destination: '905320000002' } }] }] });

// A caller waits: an error page would end the call with noise, or with somebody else's fallback.
const question = (name: string): WebhookKind => ({
  name,
  authenticate: (dialect, request, { secrets }) => dialect.authenticate(request, secrets),
  onFailure: 'apologize',
});
const ANSWER = question('answer');
const CALLEE_PLAY = question('callee-play');

/** What telephony providers ask. Whatever happens, a provider that we know gets a document of its dialect. */
export function answerRoutes(app: FastifyInstance, deps: Deps, findConnection: ConnectionFinder): void {
  for (const { name } of [ANSWER, CALLEE_PLAY]) deps.metrics.webhooksRefused.inc({ webhook: name }, 0);
  app.route<{ Params: { key: string } }>({
    method: ['GET', 'POST'],
    url: '/answer/:key/',
    schema: {
      ...inSchema,
      summary: 'What to do with a call',
      description:
        'Asked by the provider for each call, and again with the digits keyed. The request and the answer are those of the connection: Plivo XML or Hipcall JSON.',
      params: z.object({ key }),
      response: {
        200: {
          description: 'A document of the dialect.',
          content: { 'application/xml': { schema: plivoDocument }, 'application/json': { schema: hipcallDocument } },
        },
        ...webhookErrors,
      },
    },
    handler: (request, reply) =>
      inTime(deps, findConnection, ANSWER, request, reply, async (asked) => {
        const { connection, dialect, webhook, answerUrl, wait } = asked;
        const parsed = dialect.parse(webhook, connection.defaultCountry);
        if ('malformed' in parsed) {
          const { field, rule } = parsed.malformed;
          request.log.warn({ field, rule }, 'call.malformed');
          return refusal(400, `Invalid parameter. ${field} ${rule}.`, { reason: `malformed: ${field} ${rule}` });
        }
        const { reason, plan } = await answerCall(deps, connection, parsed, wait);
        const caller = parsed.caller === null ? 'withheld' : maskPhone(parsed.caller);
        deps.metrics.decisions.inc({ reason });
        request.log.info({ reason, ending: plan.ending.kind, caller, connection: connection.id }, 'call.decided');
        const virtualNumber = parsed.callee ?? connection.defaultNumber;
        return document(dialect, dialect.render(plan, { answerUrl }), { reason, callId: parsed.callId, virtualNumber });
      }),
  });

  app.route<{ Params: { key: string; session: string; side: 'first' | 'second' } }>({
    method: ['GET', 'POST'],
    url: '/answer/:key/callee-play/:session/:side/',
    schema: {
      ...inSchema,
      summary: 'What a callee hears alone after answering',
      params: z.object({ key, session: z.uuid(), side: z.enum(['first', 'second']) }),
      response: {
        200: { description: 'A document of the dialect.', content: { 'application/xml': { schema: z.string() } } },
        ...webhookErrors,
      },
    },
    handler: (request, reply) =>
      inTime(deps, findConnection, CALLEE_PLAY, request, reply, async ({ connection, dialect, webhook }) => {
        const { session, side } = request.params;
        const render = dialect.renderCalleePlay;
        if (render === null) return refusal(404, 'This dialect has no such document.');
        const { CallUUID: callId = null } = (webhook.body ?? {}) as { CallUUID?: string };
        const text = render(await calleePlay(deps, connection, session, side));
        return document(dialect, text, { reason: 'callee_play', callId: typeof callId === 'string' ? callId : null });
      }),
  });
}
