import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { maskPhone } from '../core/phone.ts';
import { APOLOGY } from '../core/plan.ts';
import type { Deps } from '../deps.ts';
import type { Dialect, WebhookRequest } from '../dialects/dialect.ts';
import { dialectNamed, dialects } from '../dialects/registry.ts';
import { answerCall, calleePlay } from '../service/calls.ts';
import { type ConnectionFinder, rememberConnections } from '../service/connections.ts';
import { sendError } from './problems.ts';

// A person listens to silence meanwhile, and the strictest provider gives up after 5 s.
const DEADLINE_MS = 2500;

const inSchema = { tags: ['Telephony providers'] };
const key = z.string().meta({ description: 'The unguessable key of a provider connection.' });

const plivoDocument = z.string().meta({
  examples: [
    '<?xml version="1.0" encoding="UTF-8"?>\n<Response><Dial callerId="14155550100" timeout="45" timeLimit="14400"><Number>12025551111</Number></Dial></Response>',
  ],
});
const hipcallDocument = z
  .object({ version: z.literal('1'), seq: z.array(z.looseObject({ action: z.string() })) })
  .meta({ examples: [{ version: '1', seq: [{ action: 'dial', args: { destination: '905320000002' } }] }] });

/**
 * What telephony providers ask. Whatever happens, a provider that we know gets a document of its dialect
 * with status 200: an error page would end the call with noise, or with somebody else's fallback.
 */
export function answerRoutes(app: FastifyInstance, deps: Deps): void {
  const findConnection = rememberConnections(deps);

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
      },
    },
    handler: (request, reply) =>
      inTime(deps, findConnection, request, reply, async ({ connection, dialect, webhook, answerUrl, signal }) => {
        const question = dialect.parse(webhook, connection.defaultCountry);
        if ('malformed' in question) {
          const { field, rule } = question.malformed;
          request.log.warn({ field, rule }, 'call.malformed');
          return refusal(400, `Invalid parameter. ${field} ${rule}.`);
        }
        const { reason, plan } = await answerCall(deps, connection, question, signal);
        const caller = question.caller === null ? 'withheld' : maskPhone(question.caller);
        request.log.info({ reason, ending: plan.ending.kind, caller, connection: connection.id }, 'call.decided');
        return document(dialect, dialect.render(plan, { answerUrl }));
      }),
  });

  app.route<{ Params: { key: string; session: string; side: 'first' | 'second' } }>({
    method: ['GET', 'POST'],
    url: '/answer/:key/callee-play/:session/:side/',
    schema: {
      ...inSchema,
      summary: 'What a callee hears alone after answering',
      params: z.object({ key, session: z.uuid(), side: z.enum(['first', 'second']) }),
    },
    handler: (request, reply) =>
      inTime(deps, findConnection, request, reply, async ({ connection, dialect }) => {
        const { session, side } = request.params;
        const render = dialect.renderCalleePlay;
        if (render === null) return refusal(404, 'This dialect has no such document.');
        return document(dialect, render(await calleePlay(deps, connection, session, side)));
      }),
  });
}

interface Asked {
  readonly connection: NonNullable<Awaited<ReturnType<ConnectionFinder>>>;
  readonly dialect: Dialect;
  readonly webhook: WebhookRequest;
  readonly answerUrl: string;
  /** Aborted when the caller has been sent off with an apology. */
  readonly signal: AbortSignal;
}

type Answer =
  | { readonly contentType: string; readonly document: string }
  | { readonly status: 400 | 401 | 403 | 404; readonly error: string };

function document(dialect: Dialect, text: string): Answer {
  return { contentType: dialect.contentType, document: text };
}

function refusal(status: 400 | 401 | 403 | 404, error: string): Answer {
  return { status, error };
}

/** Answers within the deadline, with an apology where that cannot be done. */
async function inTime(
  deps: Deps,
  findConnection: ConnectionFinder,
  request: Webhook,
  reply: FastifyReply,
  answer: (asked: Asked) => Promise<Answer>,
): Promise<FastifyReply> {
  let dialect = likelyDialect(request);
  const ask = async (signal: AbortSignal): Promise<Answer> => {
    const connection = await findConnection(request.params.key);
    if (connection === null) return refusal(404, 'No connection has this key.');
    dialect = dialectNamed(connection.dialect) ?? dialect;
    const webhook = toWebhook(deps, request);
    if (!dialect.authenticate(webhook, connection.secrets)) {
      request.log.warn({ connection: connection.id }, 'call.unauthenticated');
      if (connection.secrets.username === undefined) return refusal(403, 'The signature is missing or wrong.');
      reply.header('www-authenticate', 'Basic realm="Bauta"');
      return refusal(401, 'The credentials are missing or wrong.');
    }
    const answerUrl = `${deps.config.publicUrl}/answer/${request.params.key}`;
    return answer({ connection, dialect, webhook, answerUrl, signal });
  };
  const outcome = await withDeadline(ask, request);
  if (outcome === null) return send(reply, document(dialect, dialect.render(APOLOGY, { answerUrl: '' })));
  return send(reply, outcome);
}

/** Null for what failed or came late; both are logged. */
async function withDeadline(ask: (signal: AbortSignal) => Promise<Answer>, request: Webhook): Promise<Answer | null> {
  const end = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => {
      request.log.error({ deadlineMs: DEADLINE_MS }, 'call.late');
      resolve(null);
    }, DEADLINE_MS);
  });
  try {
    return await Promise.race([ask(end.signal), late]);
  } catch (error) {
    request.log.error({ err: error }, 'call.failed');
    return null;
  } finally {
    end.abort();
    clearTimeout(timer);
  }
}

function send(reply: FastifyReply, answer: Answer): FastifyReply {
  if ('error' in answer) return sendError(reply, answer.status, answer.error);
  return reply.code(200).type(answer.contentType).send(answer.document);
}

type Webhook = FastifyRequest<{ Params: { key: string } }>;

/** Where the connection cannot be read, the request itself tells who asks: only Hipcall sends JSON. */
function likelyDialect(request: Webhook): Dialect {
  return request.headers['content-type']?.includes('json') ? dialects.hipcall : dialects.plivo;
}

function toWebhook({ config }: Deps, request: Webhook): WebhookRequest {
  return {
    method: request.method === 'GET' ? 'GET' : 'POST',
    url: `${config.publicUrl}${request.originalUrl}`,
    headers: request.headers,
    query: request.query as Record<string, unknown>,
    body: request.body,
  };
}
