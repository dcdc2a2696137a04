import * as z from 'zod';
import type { ShownCallback } from '../service/callback-log.ts';
import { EVENTS, STATES } from './callback-query.ts';
import { wireTime } from './interaction-wire.ts';
import { pageMeta } from './masking-schemas.ts';
import { apiId } from './schemas.ts';

const time = z.string().meta({ description: 'UTC.', examples: ['2026-01-31 13:35:51 +0000 UTC'] });

const attempt = z.object({
  attempt: z.int(),
  time: time.nullable(),
  status: z.int().nullable().meta({ description: 'What the receiver answered; null where no answer came.' }),
  duration_ms: z.int().nullable(),
  error: z.string().nullable().meta({
    description:
      'A word: `status 500` and the like, `timeout`, `refused`, `reset`, `dns`, `tls`, `blocked`, `network`; `unrecorded` where our process ended meanwhile.',
  }),
});

const callback = z.object({
  id: z.uuid().meta({ description: 'The `webhook-id` of every attempt.' }),
  session_uuid: z.uuid(),
  event: z.enum(EVENTS),
  sequence: z.int(),
  state: z.enum(STATES),
  endpoint: z.string().meta({ description: 'Scheme, host and port.' }),
  url: z.string(),
  method: z.enum(['GET', 'POST']),
  occurred_at: time,
  next_attempt_time: time.nullable().meta({ description: 'Null unless the callback is pending.' }),
  delivered_time: time.nullable(),
  attempts: z.array(attempt),
});

export const callbackSchema = z.object({ api_id: apiId, ...callback.shape }).meta({ id: 'Callback' });
export const callbackListSchema = z
  .object({ api_id: apiId, meta: pageMeta, objects: z.array(callback) })
  .meta({ id: 'CallbackList' });
export const doneSchema = z
  .object({ api_id: apiId, message: z.string(), count: z.int().meta({ description: 'How many callbacks it was.' }) })
  .meta({ id: 'CallbacksMoved' });
export const secretSchema = z
  .object({
    api_id: apiId,
    message: z.literal('secret rotated'),
    secret: z.string().meta({ description: 'For libraries of Standard Webhooks. Shown this once.' }),
    token: z
      .string()
      .meta({ description: 'The same secret as plain text: in place of the auth token for Plivo’s SDKs.' }),
    former_valid_until: time,
  })
  .meta({ id: 'SigningSecret' });

export function callbackToWire(shown: ShownCallback) {
  return {
    id: shown.id,
    session_uuid: shown.sessionId,
    event: shown.event,
    sequence: shown.sequence,
    state: shown.state,
    endpoint: shown.endpoint,
    url: shown.url,
    method: shown.method,
    occurred_at: wireTime(shown.occurredAt),
    next_attempt_time: shown.state === 'pending' ? wireTime(shown.nextAttemptAt) : null,
    delivered_time: shown.deliveredAt && wireTime(shown.deliveredAt),
    attempts: shown.attempts.map(({ attempt, at, status, durationMs, error }) => ({
      ...{ attempt, time: at && wireTime(at), status, duration_ms: durationMs, error },
    })),
  };
}

export function secretToWire(rotated: { readonly secret: string; readonly formerUntil: Date }) {
  return {
    message: 'secret rotated',
    secret: `whsec_${Buffer.from(rotated.secret).toString('base64')}`,
    token: rotated.secret,
    former_valid_until: wireTime(rotated.formerUntil),
  };
}
