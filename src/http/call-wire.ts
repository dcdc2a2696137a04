import * as z from 'zod';
import { hangupCause, hangupSourceWord } from '../core/hangup-cause.ts';
import { explain, REASONS } from '../core/reasons.ts';
import type { CallRecord } from '../service/call-records.ts';
import { apiId } from './schemas.ts';

const time = z
  .string()
  .nullable()
  .meta({ description: 'UTC.', examples: ['2026-05-22 17:49:40+00:00'] });
const money = z.string().meta({ description: 'An exact decimal.', examples: ['0.02500'] });

const call = z.object({
  answer_time: time,
  bill_duration: z.int().meta({ description: 'Seconds from the answer to the end.' }),
  billed_duration: z.int().meta({ description: 'Seconds that the provider bills.' }),
  call_direction: z.enum(['inbound', 'outbound']),
  call_duration: z.int(),
  call_state: z.enum(['ringing', 'answered', 'connected', 'ended']),
  call_uuid: z.string(),
  closed_by_sweep: z.boolean().meta({ description: 'Nobody reported the end.' }),
  currency: z.string(),
  end_time: time,
  explanation: z.string().meta({
    description: 'Why the call went where it went, in a sentence; phones are masked.',
    examples: [
      '+1…34 is the first party of session …; connected to the second party; caller ID is the virtual number.',
    ],
  }),
  from_number: z.string().meta({ description: 'With `+`; empty where it is not known.' }),
  hangup_cause_code: z.int().nullable(),
  hangup_cause_name: z.string().nullable(),
  hangup_source: z.string().nullable(),
  initiation_time: time,
  outcome: z.string().meta({ description: '`orphan`: reported without ever having been asked about.' }),
  parent_call_uuid: z.string().nullable().meta({ description: 'Of a dialled leg, the leg that it was dialled for.' }),
  reason: z.string().meta({ description: `The same as a code: ${REASONS.join(', ')}.`, examples: ['known_caller'] }),
  resource_uri: z.string(),
  session_uuid: z.string().nullable(),
  to_number: z.string(),
  total_amount: money,
  total_rate: money,
});

export const callSchema = z.object({ api_id: apiId, ...call.shape }).meta({ id: 'Call' });
export const listedCall = call.meta({ id: 'ListedCall' });

/** One leg in the shape of Plivo's call records. */
export function callToWire(accountId: string, record: CallRecord): z.input<typeof call> {
  const { facts, leg, isOver, sweptAt } = record;
  const id = facts.id ?? record.providerCallId;
  const code = facts.hangupCode;
  return {
    answer_time: timeOf(facts.answeredAt),
    bill_duration: facts.seconds,
    billed_duration: facts.billedSeconds,
    call_direction: leg === 'b' ? 'outbound' : record.direction,
    call_duration: facts.seconds,
    call_state: stateOf(record),
    call_uuid: id,
    closed_by_sweep: sweptAt !== null && facts.endedAt === null,
    currency: record.currency,
    end_time: timeOf(facts.endedAt ?? (isOver ? sweptAt : null)),
    explanation: explain(record.reason, { ...record, side: record.callerSide }),
    from_number: record.from ?? '',
    hangup_cause_code: code,
    hangup_cause_name: code === null ? null : hangupCause(code).name,
    hangup_source: facts.hangupSource && hangupSourceWord(facts.hangupSource),
    initiation_time: timeOf(facts.startedAt ?? record.startedAt),
    outcome: record.outcome,
    parent_call_uuid: leg === 'b' ? record.providerCallId : null,
    reason: record.reason,
    resource_uri: `/v1/Account/${accountId}/Call/${id}/`,
    session_uuid: record.sessionId,
    to_number: record.to ?? '',
    total_amount: moneyOf(facts.cost),
    total_rate: moneyOf(facts.rate ?? '0'),
  };
}

function stateOf({ facts, isOver, isBridged }: CallRecord): 'ringing' | 'answered' | 'connected' | 'ended' {
  if (isOver || facts.endedAt !== null) return 'ended';
  if (isBridged) return 'connected';
  return facts.answeredAt === null ? 'ringing' : 'answered';
}

/** As Plivo writes it: five places at the least. */
function moneyOf(exact: string): string {
  const [whole, places = ''] = exact.split('.');
  return `${whole}.${places.padEnd(5, '0')}`;
}

/** As Plivo's voice resources write times. */
export function timeOf(at: Date): string;
export function timeOf(at: Date | null): string | null;
export function timeOf(at: Date | null): string | null {
  return at === null ? null : `${at.toISOString().slice(0, 19).replace('T', ' ')}+00:00`;
}
