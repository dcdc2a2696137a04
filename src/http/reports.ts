import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import type { Deps } from '../deps.ts';
import { WEBHOOKS, type WebhookName } from '../dialects/dialect.ts';
import type { ConnectionFinder } from '../service/connections.ts';
import { reportCall } from '../service/reports.ts';
import { boundReports } from './overload.ts';
import { errors } from './schemas.ts';
import { type Answer, type Asked, document, inTime, refusal, type Webhook, webhookErrors } from './webhook.ts';

const BOOKED = {
  description: 'It is booked. There is nothing to do.',
  content: { 'application/xml': { schema: z.string() }, 'application/json': { schema: z.object({}) } },
};

/**
 * What telephony providers report of calls, beside asking. What could not be booked is answered with 503, so that
 * the provider reports it again: nothing may go uncounted.
 */
export function reportRoutes(app: FastifyInstance, deps: Deps, findConnection: ConnectionFinder): void {
  const onRequest = boundReports();
  for (const name of WEBHOOKS) {
    deps.metrics.webhooksRefused.inc({ webhook: name }, 0);
    app.route<{ Params: { key: string } }>({
      method: ['GET', 'POST'],
      url: `/answer/:key/${name}/`,
      onRequest,
      schema: {
        tags: ['Telephony providers'],
        summary: SUMMARIES[name],
        params: z.object({ key: z.string().meta({ description: 'The unguessable key of a provider connection.' }) }),
        response: { 200: BOOKED, ...webhookErrors, ...errors(503) },
      },
      handler: (request, reply) => {
        const kind = {
          name,
          authenticate: (dialect, webhook, { secrets }) => dialect.authenticateReport(webhook, secrets),
          onFailure: 'ask_again',
        } as const satisfies Parameters<typeof inTime>[2];
        return inTime(deps, findConnection, kind, request, reply, (asked) => book(deps, name, request, asked));
      },
    });
  }
}

const SUMMARIES: Readonly<Record<WebhookName, string>> = {
  ring: 'A placed call rings',
  hangup: 'A call has ended',
  'dial-action': 'A dial is over',
  'dial-callback': 'The dialled leg rings, was answered or has ended',
  'record-action': 'A recording has begun',
  'record-callback': 'A recording is complete',
  events: 'Events of an exchange: a call begins, a call has ended',
};

async function book(deps: Deps, name: WebhookName, request: Webhook, asked: Asked): Promise<Answer> {
  const { connection, dialect, webhook } = asked;
  if (!dialect.webhooks.includes(name)) return refusal(404, 'This dialect has no such webhook.');
  const report = dialect.parseReport(name, webhook, connection.defaultCountry);
  const { reports } = deps.metrics;
  if (report === null) {
    reports.inc({ webhook: name, reason: 'ignored' });
    return document(dialect, dialect.reportDocument, { reason: 'ignored' });
  }
  if ('malformed' in report) {
    reports.inc({ webhook: name, reason: 'malformed' });
    const { field, rule } = report.malformed;
    request.log.warn({ field, rule, webhook: name }, 'call.malformed');
    return refusal(400, `Invalid parameter. ${field} ${rule}.`, { reason: `malformed: ${field} ${rule}` });
  }
  const { reason } = await reportCall(deps, connection, report);
  reports.inc({ webhook: name, reason });
  request.log.info({ reason, webhook: name, connection: connection.id }, 'call.reported');
  const { callId, virtualNumber } = report;
  return document(dialect, dialect.reportDocument, { reason, callId, virtualNumber });
}
