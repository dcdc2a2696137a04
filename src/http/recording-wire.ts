import * as z from 'zod';
import type { Recording } from '../service/call-records.ts';
import { timeOf } from './call-wire.ts';
import { apiId } from './schemas.ts';

const recording = z.object({
  add_time: z.string(),
  call_uuid: z.string(),
  conference_name: z.string().nullable(),
  recording_duration_ms: z.string().meta({ examples: ['345100.00000'] }),
  recording_end_ms: z.string(),
  recording_format: z.enum(['mp3', 'wav']).nullable(),
  recording_id: z.string(),
  recording_start_ms: z.string(),
  recording_type: z.literal('call'),
  recording_url: z.string().nullable().meta({ description: 'Null until the recording is complete.' }),
  resource_uri: z.string(),
  rounded_recording_duration: z.int().meta({ description: 'Seconds, to the next full minute.' }),
});

export const recordingSchema = z.object({ api_id: apiId, ...recording.shape }).meta({ id: 'Recording' });
export const listedRecording = recording.meta({ id: 'ListedRecording' });

/** A recording in Plivo's shape. */
export function recordingToWire(accountId: string, found: Recording): z.input<typeof recording> {
  const { recordingId, durationMs } = found;
  const millis = (value: number | null) => (value ?? 0).toFixed(5);
  return {
    add_time: timeOf(new Date(found.addedMs)),
    call_uuid: found.callId,
    conference_name: null,
    recording_duration_ms: millis(durationMs),
    recording_end_ms: millis(found.endedMs),
    recording_format: found.format,
    recording_id: recordingId,
    recording_start_ms: millis(found.startedMs),
    recording_type: 'call',
    recording_url: found.url,
    resource_uri: `/v1/Account/${accountId}/Recording/${recordingId}/`,
    rounded_recording_duration: Math.ceil((durationMs ?? 0) / 60_000) * 60,
  };
}
