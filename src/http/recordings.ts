import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import { isRefused } from '../core/problem.ts';
import type { Deps } from '../deps.ts';
import { getRecording, listRecordings } from '../service/call-records.ts';
import { actorOf, scopeOfRequest } from './auth.ts';
import { refuseUnstorable } from './body.ts';
import { sessionUuid, whole } from './fields.ts';
import { pageMeta } from './masking-schemas.ts';
import { pageMetaOf } from './paging.ts';
import { READ_ONLY, refuseOthers, sendProblem } from './problems.ts';
import { listedRecording, recordingSchema, recordingToWire } from './recording-wire.ts';
import { apiId, errors, json } from './schemas.ts';

const ALL = '/v1/Account/:auth_id/Recording/';
const ONE = `${ALL}:recording_id/`;
const common = { tags: ['Recordings'], security: [{ basic: [] }], params: z.object({ auth_id: z.string() }) };

const query = z.object({
  call_uuid: z.string().max(200).optional(),
  session_uuid: sessionUuid().optional(),
  limit: whole(1, 20).default(20),
  offset: whole(0, 100_000).default(0),
});

const listSchema = z
  .object({ api_id: apiId, meta: pageMeta, objects: z.array(listedRecording) })
  .meta({ id: 'RecordingList' });

/** Recordings in the shape of Plivo's; the files stay where the provider has them. */
export function recordingRoutes(app: FastifyInstance, deps: Deps): void {
  refuseUnstorable(app);

  app.get<{ Querystring: z.output<typeof query> }>(ALL, {
    schema: {
      ...common,
      summary: 'List recordings, newest first',
      querystring: query,
      response: { 200: json(listSchema, 'A page of recordings.'), ...errors(400, 401, 404, 503) },
    },
    handler: async (request, reply) => {
      const { call_uuid: callId, session_uuid: sessionId, limit, offset } = request.query;
      const filter = { ...(callId && { callId }), ...(sessionId && { sessionId }) };
      const { total, recordings } = await listRecordings(deps, scopeOfRequest(request), filter, { limit, offset });
      return reply.send({
        api_id: request.id,
        meta: pageMetaOf(request.originalUrl, { limit, offset }, total),
        objects: recordings.map((found) => recordingToWire(actorOf(request).id, found)),
      });
    },
  });

  app.get<{ Params: { recording_id: string } }>(ONE, {
    schema: {
      ...common,
      params: z.object({ auth_id: z.string(), recording_id: z.string().max(200) }),
      summary: 'Get a recording',
      response: { 200: json(recordingSchema, 'The recording.'), ...errors(400, 401, 404, 503) },
    },
    handler: async (request, reply) => {
      const found = await getRecording(deps, scopeOfRequest(request), request.params.recording_id);
      if (isRefused(found)) return sendProblem(reply, found.problem);
      return reply.send({ api_id: request.id, ...recordingToWire(actorOf(request).id, found) });
    },
  });

  refuseOthers(app, ALL, READ_ONLY);
  refuseOthers(app, ONE, READ_ONLY);
}
