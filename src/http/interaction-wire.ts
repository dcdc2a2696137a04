import * as z from 'zod';
import { durationOf, type Interaction, type Leg, legOf, legStatus, spanOf } from '../core/interaction.ts';
import type { MaskingSession } from '../core/session.ts';

const time = z.string().meta({ description: 'UTC.', examples: ['2024-05-29 04:47:18 +0000 UTC'] });
const address = z.string().meta({ examples: ['https://bauta.example/v1/Account/MAXXXXXXXXXXXXXXXXXX/Call/19e00290'] });
const status = z.string().meta({ examples: ['completed'] });

/** One attempt to connect the parties, as Plivo shows it: what is not there or nought is left out. */
export const interactionSchema = z
  .object({
    start_time: time,
    end_time: time.meta({ description: 'The start for a call that was not answered, or is running.' }),
    first_party_resource_url: address.optional(),
    second_party_resource_url: address.optional(),
    recording_resource_url: address.optional(),
    first_party_status: status,
    second_party_status: status,
    type: z.literal('call'),
    total_call_amount: z.number().optional(),
    call_billed_duration: z.int().optional(),
    total_call_count: z.int().meta({ description: 'Legs.' }),
    duration: z.number().meta({ description: 'Seconds of both legs.' }),
    closed_by_sweep: z.boolean().optional().meta({ description: 'Nobody reported the end.' }),
  })
  .meta({ id: 'Interaction' });

/** Null when there was none, as Plivo has it. */
export function interactionsToWire(session: MaskingSession, publicUrl: string) {
  const base = `${publicUrl}/v1/Account/${session.subaccountId ?? session.accountId}`;
  const { interactions } = session.history;
  return interactions.length === 0 ? null : interactions.map((one) => toWire(one, base));
}

function toWire(interaction: Interaction, base: string): z.input<typeof interactionSchema> {
  const { from, to } = spanOf(interaction);
  const [first, second] = [legOf(interaction, 'first'), legOf(interaction, 'second')];
  const url = ({ id }: Leg) => (id === null ? null : `${base}/Call/${id}`);
  const [firstUrl, secondUrl, amount] = [url(first), url(second), Number(interaction.cost)];
  return {
    start_time: wireTime(from),
    end_time: wireTime(to),
    ...(firstUrl !== null && { first_party_resource_url: firstUrl }),
    ...(secondUrl !== null && { second_party_resource_url: secondUrl }),
    ...(interaction.recordingId !== null && { recording_resource_url: `${base}/Recording/${interaction.recordingId}` }),
    first_party_status: legStatus(first, interaction.isOver),
    second_party_status: legStatus(second, interaction.isOver),
    type: 'call',
    ...(amount > 0 && { total_call_amount: amount }),
    ...(interaction.billedSeconds > 0 && { call_billed_duration: interaction.billedSeconds }),
    total_call_count: interaction.legs,
    duration: durationOf(interaction),
    ...(interaction.sweptAt !== null && interaction.legA.endedAt === null && { closed_by_sweep: true }),
  };
}

/** `2024-01-03 13:35:51 +0000 UTC`, the way Go prints a time. */
export function wireTime(at: Date): string {
  return `${at.toISOString().slice(0, 19).replace('T', ' ')} +0000 UTC`;
}
