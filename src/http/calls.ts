import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import { type Phone, parsePhone } from '../core/phone.ts';
import { invalid, isRefused, type Refused } from '../core/problem.ts';
import type { Deps } from '../deps.ts';
import { type CallFilter, correctCost, getCall, listCalls } from '../service/call-records.ts';
import { actorOf, scopeOfRequest } from './auth.ts';
import { refuseUnstorable } from './body.ts';
import { callSchema, callToWire, listedCall } from './call-wire.ts';
import { choice, phone, sessionUuid, shownAs, whole } from './fields.ts';
import { pageMeta } from './masking-schemas.ts';
import { moment } from './moments.ts';
import { pageMetaOf } from './paging.ts';
import { READ_ONLY, refuseOthers, sendProblem } from './problems.ts';
import { apiId, errors, json } from './schemas.ts';

type OneCall = { Params: { call_uuid: string } };

const ALL = '/v1/Account/:auth_id/Call/';
const ONE = `${ALL}:call_uuid/`;
const common = { tags: ['Calls'], security: [{ basic: [] }], params: z.object({ auth_id: z.string() }) };
const oneCall = { params: z.object({ auth_id: z.string(), call_uuid: z.string().max(200) }) };

const MONEY_RULE = 'should be an exact decimal of at most 12 places, such as 0.01250';
const CURRENCY_RULE = 'should be a currency code such as USD';
const OUTCOMES = ['asked', 'connected', 'pin_failed', 'refused', 'orphan', 'placed', 'unplaced'] as const;
const DEFAULT_WINDOW_MS = 7 * 86_400_000;

const query = z.object({
  session_uuid: sessionUuid().optional(),
  call_uuid: z.string().max(200).optional(),
  call_direction: choice(['inbound', 'outbound']).optional(),
  outcome: choice(OUTCOMES).optional().describe('`orphan` for calls that were reported and never asked about.'),
  number: phone().optional().describe('Calls with this phone on either leg.'),
  from_number: phone().optional().describe('Legs from this phone or virtual number.'),
  to_number: phone().optional().describe('Legs to it.'),
  initiation_time__gte: moment().optional(),
  initiation_time__lt: moment().optional(),
  limit: whole(1, 20).default(20),
  offset: whole(0, 100_000).default(0),
});

const money = () =>
  z
    .union([z.string(), z.number()], { error: MONEY_RULE })
    .transform(String)
    .pipe(z.string().regex(/^\d{1,7}(\.\d{1,12})?$/, { error: MONEY_RULE }))
    .meta(shownAs({ type: 'string', examples: ['0.01250'] }));

const costBody = z
  .object({
    total_amount: money().optional(),
    total_rate: money().optional(),
    billed_duration: whole(0, 86_400).optional(),
    currency: z
      .string({ error: CURRENCY_RULE })
      .regex(/^[A-Z]{3}$/, { error: CURRENCY_RULE })
      .optional(),
  })
  .meta({ id: 'CallCost', examples: [{ total_amount: '0.01250', billed_duration: 60, currency: 'USD' }] });

const listSchema = z.object({ api_id: apiId, meta: pageMeta, objects: z.array(listedCall) }).meta({ id: 'CallList' });

/** Calls, leg by leg, in the shape of Plivo's call resource. */
export function callRoutes(app: FastifyInstance, deps: Deps): void {
  refuseUnstorable(app);

  app.get<{ Querystring: z.output<typeof query> }>(ALL, {
    schema: {
      ...common,
      summary: 'List calls, newest first, an entry for each leg',
      description: 'Of the last 7 days, unless a session, a call or times are given.',
      querystring: query,
      response: { 200: json(listSchema, 'A page of legs.'), ...errors(400, 401, 404, 503) },
    },
    handler: async (request, reply) => {
      const filter = toFilter(request.query, deps.now());
      if (isRefused(filter)) return sendProblem(reply, filter.problem);
      const { limit, offset } = request.query;
      const { total, records } = await listCalls(deps, scopeOfRequest(request), filter, { limit, offset });
      const accountId = actorOf(request).id;
      return reply.send({
        api_id: request.id,
        meta: pageMetaOf(request.originalUrl, { limit, offset }, total),
        objects: records.map((record) => callToWire(accountId, record)),
      });
    },
  });

  app.get<OneCall>(ONE, {
    schema: {
      ...common,
      ...oneCall,
      summary: 'Get one leg of a call by its id',
      response: { 200: json(callSchema, 'The leg.'), ...errors(400, 401, 404, 503) },
    },
    handler: async (request, reply) => {
      const found = await getCall(deps, scopeOfRequest(request), request.params.call_uuid);
      if (isRefused(found)) return sendProblem(reply, found.problem);
      return reply.send({ api_id: request.id, ...callToWire(actorOf(request).id, found) });
    },
  });

  app.post<OneCall & { Body: z.output<typeof costBody> }>(`${ONE}Cost/`, {
    schema: {
      ...common,
      ...oneCall,
      summary: 'Correct what a leg was billed',
      description:
        'Wins over what the provider reports; the sums of its session and all totals move by the difference.',
      body: costBody,
      response: { 202: json(callSchema, 'The leg as it is now.'), ...errors(400, 401, 404, 413, 415, 503) },
    },
    handler: async (request, reply) => {
      const { total_amount: cost, total_rate: rate, billed_duration: billedSeconds, currency } = request.body;
      if (cost === undefined && rate === undefined && billedSeconds === undefined) {
        return sendProblem(reply, { kind: 'missing', field: 'total_amount, total_rate or billed_duration' });
      }
      const corrected = await correctCost(deps, scopeOfRequest(request), request.params.call_uuid, {
        ...(cost !== undefined && { cost }),
        ...(rate !== undefined && { rate }),
        ...(billedSeconds !== undefined && { billedSeconds }),
        ...(currency !== undefined && { currency }),
      });
      if (isRefused(corrected)) return sendProblem(reply, corrected.problem);
      return reply.code(202).send({ api_id: request.id, ...callToWire(actorOf(request).id, corrected) });
    },
  });

  refuseOthers(app, ALL, READ_ONLY);
  refuseOthers(app, ONE, READ_ONLY);
}

function toFilter(wish: z.output<typeof query>, now: Date): CallFilter | Refused {
  const { session_uuid, call_uuid, call_direction, outcome } = wish;
  const phones: Partial<Record<'phone' | 'from' | 'to', Phone>> = {};
  for (const [name, part] of [
    ['number', 'phone'],
    ['from_number', 'from'],
    ['to_number', 'to'],
  ] as const) {
    const text = wish[name];
    if (text === undefined) continue;
    const read = parsePhone(text.trim(), { defaultCountry: null, strict: false });
    if (read === null) return invalid(name, 'is not a valid phone number');
    phones[part] = read;
  }
  const [gte, lt] = [wish.initiation_time__gte?.from, wish.initiation_time__lt?.from];
  const isBounded = session_uuid || call_uuid || gte || lt;
  return {
    ...phones,
    ...(session_uuid && { sessionId: session_uuid }),
    ...(call_uuid && { legId: call_uuid }),
    ...(call_direction && { direction: call_direction }),
    ...(outcome && { outcome }),
    startedAt: isBounded
      ? { ...(gte && { gte }), ...(lt && { lt }) }
      : { gte: new Date(now.getTime() - DEFAULT_WINDOW_MS) },
  };
}
