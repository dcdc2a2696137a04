import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import { parsePhone } from '../core/phone.ts';
import { invalid, isRefused } from '../core/problem.ts';
import { REASONS } from '../core/reasons.ts';
import type { Deps } from '../deps.ts';
import { dialectNamed } from '../dialects/registry.ts';
import { type Carry, type Simulated, simulate } from '../service/simulate.ts';
import { scopeOfRequest } from './auth.ts';
import { refuseUnstorable } from './body.ts';
import { refuseOthers, sendProblem } from './problems.ts';
import { apiId, errors, json } from './schemas.ts';

const URL = '/v1/Account/:auth_id/Masking/Simulate/';

const simulateBody = z
  .object({
    from: z
      .string()
      .nullable()
      .meta({ description: 'Who calls; null for a withheld number.', examples: ['+12025550000'] }),
    to: z.string().meta({ description: 'A virtual number of the account.', examples: ['+14155550100'] }),
    press: z
      .array(z.string().regex(/^[\d*#]{1,32}$/, 'should hold keys'))
      .max(20)
      .default([])
      .meta({ description: 'What the caller keys, one entry for each question; then silence.' }),
    callee: z.enum(['answers', 'busy', 'silent']).default('answers'),
    talk_seconds: z.int().min(0).max(86_400).default(30),
    hangs_up: z.enum(['caller', 'callee']).default('callee'),
    keys_slowly: z.boolean().default(false),
    gives_up: z
      .boolean()
      .default(false)
      .meta({ description: 'The caller hangs up at a question that `press` has no entry for.' }),
    live: z
      .boolean()
      .default(false)
      .meta({ description: 'Book the call as if it were real. For the demo account only, else 403.' }),
    asks_twice: z.boolean().default(false).meta({ description: 'The provider sends each question twice.' }),
  })
  .meta({ id: 'SimulationWish' });

const moment = z.object({
  at: z.number().meta({ description: 'Seconds from the dialling.' }),
  who: z.enum(['provider', 'caller', 'callee', 'both']),
  kind: z.string(),
  words: z.string(),
  exchange: z
    .object({
      webhook: z.string(),
      fields: z.record(z.string(), z.unknown()),
      status: z.int(),
      document: z.string(),
      reason: z.enum(REASONS as [string, ...string[]]).nullable(),
      explanation: z.string().nullable(),
    })
    .nullable(),
});

const simulatedSchema = z
  .object({
    api_id: apiId,
    dialect: z.string(),
    end: z.enum(['talked', 'busy', 'no answer', 'sent off', 'rejected', 'extension', 'given up', 'failed']),
    dialled: z.string().nullable().meta({ description: 'Masked; null where nobody was called.' }),
    caller_id: z.string().nullable().meta({ description: 'What the callee’s screen shows, as the document says it.' }),
    leak_check: z.object({
      passed: z.boolean(),
      faults: z.array(z.object({ code: z.string(), words: z.string() })),
    }),
    timeline: z.array(moment),
  })
  .meta({ id: 'Simulated' });

/** A call that is only pretended. */
export function simulateRoutes(app: FastifyInstance, deps: Deps): void {
  refuseUnstorable(app);
  app.post<{ Body: z.output<typeof simulateBody> }>(URL, {
    schema: {
      tags: ['Calls'],
      security: [{ basic: [] }],
      params: z.object({ auth_id: z.string() }),
      summary: 'Pretend a call, and see why it goes where it goes',
      description:
        'Unless `live` is set, nothing is booked, called, counted or told to an app. Numbers are masked. It tells whether keys are a PIN of a live session, whose PINs the account may read anyway, and uses up no budget of wrong PINs; so it is for the main account alone. Limits that count calls in progress are not reached, for no call is counted.',
      body: simulateBody,
      response: { 200: json(simulatedSchema, 'What would happen.'), ...errors(400, 401, 403, 404, 413, 415, 503) },
    },
    handler: async (request, reply) => {
      const { from, to, press, callee, talk_seconds, hangs_up, keys_slowly, asks_twice, gives_up, live } = request.body;
      const [caller, number] = [from, to].map((text) =>
        text === null ? null : parsePhone(text.trim(), { defaultCountry: null, strict: false }),
      );
      if (from !== null && !caller) return sendProblem(reply, invalid('from', 'is not a valid phone number').problem);
      if (!number) return sendProblem(reply, invalid('to', 'is not a valid phone number').problem);
      const behaviour = { entries: press, callee, talkSeconds: talk_seconds, whoHangsUp: hangs_up };
      const script = { ...behaviour, keysSlowly: keys_slowly, asksTwice: asks_twice, givesUp: gives_up };
      const door = live ? frontDoor(app, deps.config.publicUrl) : null;
      const scope = scopeOfRequest(request);
      const simulated = await simulate(deps, dialectNamed, scope, {
        ...{ from: caller ?? null, to: number },
        script,
        door,
      });
      if (isRefused(simulated)) return sendProblem(reply, simulated.problem);
      return reply.send({ api_id: request.id, ...toWire(simulated) });
    },
  });
  refuseOthers(app, URL, ['POST']);
}

/** Takes a pretend provider's requests where a real one's arrive, past nothing but the network. */
export function frontDoor(app: FastifyInstance, publicUrl: string): Carry {
  return async ({ method, url, headers, body }) => {
    const answer = await app.inject({
      ...{ method, url: url.slice(publicUrl.length), headers },
      ...(method === 'POST' && { payload: body }),
    });
    const { statusCode: status, headers: told, body: text } = answer;
    return { status, contentType: String(told['content-type'] ?? ''), body: text };
  };
}

function toWire({ dialect, end, dialled, shown, faults, timeline }: Simulated) {
  return {
    ...{ dialect, end, dialled, caller_id: shown, leak_check: { passed: faults.length === 0, faults } },
    timeline: timeline.map(({ exchange, ...one }) => ({ ...one, exchange: exchange && exchangeToWire(exchange) })),
  };
}

function exchangeToWire({ decision, ...exchange }: NonNullable<Simulated['timeline'][number]['exchange']>) {
  return { ...exchange, reason: decision?.reason ?? null, explanation: decision?.explanation ?? null };
}
