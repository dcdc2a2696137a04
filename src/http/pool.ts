import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import type { Deps } from '../deps.ts';
import { type PoolReport, watchPool } from '../service/pool.ts';
import { scopeOfRequest } from './auth.ts';
import { refuseUnstorable } from './body.ts';
import { whole } from './fields.ts';
import { pageMeta } from './masking-schemas.ts';
import { pageMetaOf } from './paging.ts';
import { READ_ONLY, refuseOthers } from './problems.ts';
import { apiId, errors, json } from './schemas.ts';

const POOL = '/v1/Account/:auth_id/Masking/Pool/';

const poolQuery = z.object({
  limit: whole(1, 1000).default(100),
  offset: whole(0, 2_147_483_647).default(0),
});

const pool = z.object({
  country: z.string(),
  subaccount: z.string().nullable().meta({ description: 'Null for the main account’s own pool.' }),
  numbers: z.int(),
  live_sessions: z.int(),
  load: z.int().meta({ description: 'N: the most places that one phone holds now, cool-offs included.' }),
  peak_load: z.int().meta({ description: 'N at its highest in the last 30 days, or now.' }),
  numbers_needed: z.int().meta({ description: '2N−1, or as many as sessions that answer any caller.' }),
  numbers_needed_at_peak: z.int(),
  headroom: z.int().meta({ description: 'Numbers left over now.' }),
  headroom_at_peak: z.int().meta({ description: 'Numbers left over at the peak; below zero, creates are refused.' }),
});

const numberLoad = z.object({
  number: z.string().meta({ description: 'Digits without `+`.' }),
  country: z.string(),
  subaccount: z.string().nullable(),
  live_sessions: z.int(),
  cooling_places: z
    .int()
    .meta({ description: 'Places of parties that ended sessions hold until their cool-off is over.' }),
  next_lease_frees_at: z
    .string()
    .nullable()
    .meta({ examples: ['2026-01-31T13:35:51.123Z'] }),
});

const poolSchema = z
  .object({
    api_id: apiId,
    exhausted_first: pool.nullable().meta({ description: 'The pool with the least headroom at its peak.' }),
    pools: z.array(pool),
    numbers: z.array(numberLoad),
    meta: pageMeta,
  })
  .meta({ id: 'Pool' });

/** For operators: what the numbers carry, and whether they suffice. */
export function poolRoutes(app: FastifyInstance, deps: Deps): void {
  refuseUnstorable(app);
  app.get<{ Querystring: z.output<typeof poolQuery> }>(POOL, {
    schema: {
      tags: ['Operators'],
      security: [{ basic: [] }],
      params: z.object({ auth_id: z.string() }),
      summary: 'See what the pool carries and needs',
      querystring: poolQuery,
      response: { 200: json(poolSchema, 'The pools, and a page of their numbers.'), ...errors(400, 401, 404, 503) },
    },
    handler: async (request, reply) => {
      const { limit, offset } = request.query;
      const { pools, exhaustedFirst, numbers, numberCount } = await watchPool(deps, scopeOfRequest(request), {
        limit,
        offset,
      });
      return reply.send({
        api_id: request.id,
        exhausted_first: exhaustedFirst && poolToWire(exhaustedFirst),
        pools: pools.map(poolToWire),
        numbers: numbers.map(({ number, country, subaccountId, liveSessions, coolingPlaces, nextFreeAt }) => ({
          number: number.slice(1),
          country,
          subaccount: subaccountId,
          live_sessions: liveSessions,
          cooling_places: coolingPlaces,
          next_lease_frees_at: nextFreeAt?.toISOString() ?? null,
        })),
        meta: pageMetaOf(request.originalUrl, { limit, offset }, numberCount),
      });
    },
  });
  refuseOthers(app, POOL, READ_ONLY);
}

function poolToWire(pool: PoolReport['pools'][number]) {
  return {
    country: pool.country,
    subaccount: pool.subaccountId,
    numbers: pool.numbers,
    live_sessions: pool.liveSessions,
    load: pool.load,
    peak_load: Math.max(pool.peak, pool.load),
    numbers_needed: pool.neededNow,
    numbers_needed_at_peak: pool.neededAtPeak,
    headroom: pool.headroom,
    headroom_at_peak: pool.headroomAtPeak,
  };
}
