import type { FastifyReply, FastifyRequest } from 'fastify';
import { APOLOGY } from '../core/plan.ts';
import type { Deps } from '../deps.ts';
import type { Dialect, WebhookRequest } from '../dialects/dialect.ts';
import { dialectNamed, dialects } from '../dialects/registry.ts';
import type { Wait } from '../service/calls.ts';
import type { ConnectionFinder } from '../service/connections.ts';
import { sendError, sendProblem } from './problems.ts';
import { errorBody, errors, json } from './schemas.ts';
import { type Noted, recordExchange as record } from './webhook-log.ts';

// A person listens to silence meanwhile, and the strictest provider gives up after 3 s. 2.5 s are promised: the rest
// is for the way there and back, and for a machine that is busy just then.
const DEADLINE_MS = 2_000;

export type Webhook = FastifyRequest<{ Params: { key: string } }>;

type Connection = NonNullable<Awaited<ReturnType<ConnectionFinder>>>;

/** A webhook of a provider that has shown who it is. */
export interface Asked {
  readonly connection: Connection;
  readonly dialect: Dialect;
  readonly webhook: WebhookRequest;
  readonly answerUrl: string;
  /** Whether anybody still waits for the answer. */
  readonly wait: Wait;
}

export type Answer =
  | { readonly contentType: string; readonly document: string; readonly noted: Noted }
  | { readonly status: 400 | 401 | 403 | 404; readonly error: string; readonly noted?: Noted };

export function document(dialect: Dialect, text: string, noted: Noted): Answer {
  return { contentType: dialect.contentType, document: text, noted };
}

export function refusal(status: 400 | 401 | 403 | 404, error: string, noted?: Noted): Answer {
  return { status, error, ...(noted && { noted }) };
}

/** What a webhook is refused with, for the documentation. */
export const webhookErrors = {
  ...errors(400, 401, 404, 413, 415),
  403: json(errorBody, 'The signature is missing or wrong.'),
};

export interface WebhookKind {
  /** As the exchange log calls it. */
  readonly name: string;
  readonly authenticate: (dialect: Dialect, request: WebhookRequest, connection: Connection) => boolean;
  /** What a provider gets when its question failed or comes late: a document to end with, or the wish to ask again. */
  readonly onFailure: 'apologize' | 'ask_again';
}

/**
 * Answers a webhook within the deadline and leaves the exchange in the log. Only who has shown who they are is
 * logged, since nobody else's requests belong to an account.
 */
export async function inTime(
  deps: Deps,
  findConnection: ConnectionFinder,
  kind: WebhookKind,
  request: Webhook,
  reply: FastifyReply,
  answer: (asked: Asked) => Promise<Answer>,
): Promise<FastifyReply> {
  let dialect = likelyDialect(request);
  let known: Asked | null = null;
  const ask = async (wait: Wait): Promise<Answer> => {
    const connection = await findConnection(request.params.key);
    if (connection === null) return refusal(404, 'No connection has this key.');
    dialect = dialectNamed(connection.dialect) ?? dialect;
    const webhook = toWebhook(deps, request);
    if (!kind.authenticate(dialect, webhook, connection)) {
      deps.metrics.webhooksRefused.inc({ webhook: kind.name });
      deps.signatureFailures.record(connection.id, deps.now());
      request.log.warn({ connection: connection.id }, 'call.unauthenticated');
      if (connection.secrets.username === undefined) return refusal(403, 'The signature is missing or wrong.');
      reply.header('www-authenticate', 'Basic realm="Bauta"');
      return refusal(401, 'The credentials are missing or wrong.');
    }
    const answerUrl = `${deps.config.publicUrl}/answer/${request.params.key}`;
    known = { connection, dialect, webhook, answerUrl, wait };
    return answer(known);
  };
  const outcome = await withDeadline(ask, request);
  if (typeof outcome === 'string') return fail(deps, kind, reply, dialect, known, outcome);
  if ('error' in outcome) {
    if (known && outcome.noted) record(deps, kind, reply, known, outcome.status, outcome.noted, '');
    return sendError(reply, outcome.status, outcome.error);
  }
  if (known) record(deps, kind, reply, known, 200, outcome.noted, outcome.document);
  return reply.code(200).type(outcome.contentType).send(outcome.document);
}

function fail(
  deps: Deps,
  kind: WebhookKind,
  reply: FastifyReply,
  dialect: Dialect,
  known: Asked | null,
  cause: Failure,
): FastifyReply {
  if (kind.onFailure === 'ask_again') {
    deps.metrics.reports.inc({ webhook: kind.name, reason: 'unavailable' });
    if (known) record(deps, kind, reply, known, 503, { reason: 'unavailable' }, '');
    return sendProblem(reply, { kind: 'unavailable' });
  }
  deps.metrics.fallbacks.inc({ cause });
  const apology = dialect.render(APOLOGY, { answerUrl: '' });
  if (known) record(deps, kind, reply, known, 200, { reason: 'apology' }, apology);
  return reply.code(200).type(dialect.contentType).send(apology);
}

type Failure = 'failed' | 'late';

/** The answer, or why there is none, which is logged. */
async function withDeadline(ask: (wait: Wait) => Promise<Answer>, request: Webhook): Promise<Answer | Failure> {
  const wait = { isOver: false };
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => {
      request.log.error({ deadlineMs: DEADLINE_MS }, 'call.late');
      resolve('late');
    }, DEADLINE_MS);
  });
  try {
    return await Promise.race([ask(wait), late]);
  } catch (error) {
    request.log.error({ err: error }, 'call.failed');
    return 'failed';
  } finally {
    wait.isOver = true;
    clearTimeout(timer);
  }
}

/** Where the connection cannot be read, the request itself tells who asks: only Hipcall sends JSON. */
function likelyDialect(request: Webhook): Dialect {
  return request.headers['content-type']?.includes('json') ? dialects.hipcall : dialects.plivo;
}

function toWebhook({ config }: Deps, request: Webhook): WebhookRequest {
  return {
    method: request.method === 'GET' ? 'GET' : 'POST',
    url: `${config.publicUrl}${request.originalUrl}`,
    headers: request.headers,
    query: queryOf(request.originalUrl),
    body: request.body,
  };
}

/**
 * The query as signatures take it. Fastify would read what stands behind a "#", which no signature covers, and decodes
 * broken escapes in another way: somebody could add to a signed request.
 */
function queryOf(target: string): Record<string, string | string[]> {
  const pairs = new URLSearchParams(/^[^?#]*\?([^#]*)/.exec(target)?.[1] ?? '');
  return Object.fromEntries(
    [...new Set(pairs.keys())].map((name) => {
      const [first = '', ...others] = pairs.getAll(name);
      return [name, others.length === 0 ? first : [first, ...others]];
    }),
  );
}
