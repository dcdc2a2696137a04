import * as z from 'zod';
import type { CallbackEvent } from '../core/callback.ts';
import { CALLBACK_ATTRIBUTES } from '../core/callback-params.ts';
import { invalid, type Refused } from '../core/problem.ts';
import type { CallbackFilter } from '../service/callback-log.ts';
import { choice, sessionUuid, whole } from './fields.ts';
import { type Moment, moment } from './moments.ts';

export const EVENTS = Object.keys(CALLBACK_ATTRIBUTES) as [CallbackEvent, ...CallbackEvent[]];
export const STATES = ['pending', 'paused', 'delivered', 'given_up'] as const;
const ENDPOINT_RULE = 'should begin with scheme and host, such as https://app.example';

/** A receiver as apps name it. */
export const endpoint = () =>
  z
    .string({ error: ENDPOINT_RULE })
    .max(1000, { error: ENDPOINT_RULE })
    .regex(/^https?:\/\/[^/?#\s]+/i, { error: ENDPOINT_RULE })
    .meta({ description: 'Scheme, host and port of a receiver; what follows them is ignored.' });

const which = {
  session_uuid: sessionUuid().optional(),
  event: choice(EVENTS).optional(),
  state: choice(STATES).optional(),
  endpoint: endpoint().optional(),
};

export const page = { limit: whole(1, 20).default(20), offset: whole(0, 2_147_483_647).default(0) };

export const callbackQuery = z.object({
  ...which,
  from: moment().optional(),
  to: moment().optional(),
  ...page,
});
export const resendBody = z
  .object({
    from: moment().describe('Callbacks of facts from this time on, UTC.'),
    to: moment().describe('And before the end of this second or minute.'),
    ...which,
  })
  .meta({
    id: 'CallbackResendRange',
    examples: [{ from: '2026-01-31 13:00', to: '2026-01-31 14:59', state: 'given_up' }],
  });

const DAY_MS = 86_400_000;
const DEFAULT_WINDOW_MS = 7 * DAY_MS;
const LONGEST_WINDOW_MS = 30 * DAY_MS;

interface Wish {
  readonly session_uuid?: string | undefined;
  readonly event?: CallbackEvent | undefined;
  readonly state?: (typeof STATES)[number] | undefined;
  readonly endpoint?: string | undefined;
  readonly from?: Moment | undefined;
  readonly to?: Moment | undefined;
}

/** The filter that a query means, bounded in time like a list of sessions; a session's own need no bound. */
export function toCallbackFilter(wish: Wish, now: Date): CallbackFilter | Refused {
  const { session_uuid, event, state, endpoint } = wish;
  const occurredAt = windowOf(wish, now);
  if (occurredAt === null) return invalid('from', 'and to span more than 30 days');
  return {
    ...(session_uuid && { sessionId: session_uuid }),
    ...(event && { event }),
    ...(state && { state }),
    ...(endpoint && { endpoint }),
    occurredAt,
  };
}

function windowOf({ from, to, session_uuid }: Wish, now: Date): { gte?: Date; lt?: Date } | null {
  const [gte, lt] = [from?.from, to?.before];
  if (session_uuid) return { ...(gte && { gte }), ...(lt && { lt }) };
  if (gte && lt) return lt.getTime() - gte.getTime() > LONGEST_WINDOW_MS ? null : { gte, lt };
  if (gte) return { gte, lt: new Date(gte.getTime() + LONGEST_WINDOW_MS) };
  if (lt) return { gte: new Date(lt.getTime() - LONGEST_WINDOW_MS), lt };
  return { gte: new Date(now.getTime() - DEFAULT_WINDOW_MS) };
}
