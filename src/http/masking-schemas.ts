import * as z from 'zod';
import { interactionSchema } from './interaction-wire.ts';
import { apiId } from './schemas.ts';

// The shape of answers, field by field as in Plivo's fixtures. Whole numbers are whole: Go's SDK decodes
// them into integers and fails on a fraction or a text.

const number = z.string().meta({ description: 'Digits without `+`; empty for a party that is not known yet.' });
const time = z.string().meta({ description: 'UTC.', examples: ['2024-01-03 13:35:51 +0000 UTC'] });
const url = z.string().meta({ description: 'Empty when not given.' });
const httpMethod = z.enum(['GET', 'POST']);
const onlyWithPin = { description: 'Null when PIN authentication is off.' };

const session = z.object({
  first_party: number,
  second_party: number,
  virtual_number: number,
  status: z.enum(['active', 'in-progress', 'expired']),
  initiate_call_to_first_party: z.boolean(),
  session_uuid: z.uuid(),
  callback_url: url,
  callback_method: httpMethod,
  created_time: time,
  modified_time: time,
  expiry_time: time,
  duration: z.int().meta({ description: 'Seconds from creation to expiry.' }),
  amount: z.int(),
  call_time_limit: z.int(),
  ring_timeout: z.int(),
  first_party_play_url: url,
  second_party_play_url: url,
  record: z.boolean(),
  record_file_format: z.enum(['mp3', 'wav']),
  recording_callback_url: url,
  recording_callback_method: httpMethod,
  interaction: z
    .array(interactionSchema)
    .nullable()
    .meta({ description: 'Oldest first, the newest hundred; null when there is none yet.' }),
  total_call_amount: z.number(),
  total_call_count: z.int(),
  total_call_billed_duration: z.int(),
  total_session_amount: z.number(),
  last_interaction_time: z.string(),
  unknown_caller_play: url,
  is_pin_authentication_required: z.boolean(),
  generate_pin: z.boolean().nullable().meta(onlyWithPin),
  generate_pin_length: z.int().nullable().meta(onlyWithPin),
  first_party_pin: z.string().nullable().meta(onlyWithPin),
  second_party_pin: z.string().nullable().meta(onlyWithPin),
  pin_prompt_play: z.string().nullable().meta(onlyWithPin),
  pin_retry: z.int().nullable().meta(onlyWithPin),
  pin_retry_wait: z.int().nullable().meta(onlyWithPin),
  incorrect_pin_play: z.string().nullable().meta(onlyWithPin),
  create_session_with_single_party: z.boolean().nullable(),
  virtual_number_cooloff_period: z.int(),
  force_pin_authentication: z.boolean(),
});

export const sessionSchema = session.meta({
  id: 'MaskingSession',
  examples: [
    {
      first_party: '12025550000',
      second_party: '12025551111',
      virtual_number: '14155550100',
      status: 'active',
      initiate_call_to_first_party: false,
      session_uuid: '4f6c1c1e-6f0b-4d39-9d6e-0d8f6a1b2c3d',
      callback_url: 'https://app.example/masking-events',
      callback_method: 'POST',
      created_time: '2026-01-03 13:35:51 +0000 UTC',
      modified_time: '2026-01-03 13:35:51 +0000 UTC',
      expiry_time: '2026-01-03 14:05:51 +0000 UTC',
      duration: 1800,
      amount: 0,
      call_time_limit: 14400,
      ring_timeout: 45,
      first_party_play_url: '',
      second_party_play_url: '',
      record: false,
      record_file_format: 'mp3',
      recording_callback_url: '',
      recording_callback_method: 'POST',
      interaction: null,
      total_call_amount: 0,
      total_call_count: 0,
      total_call_billed_duration: 0,
      total_session_amount: 0,
      last_interaction_time: '',
      unknown_caller_play: '',
      is_pin_authentication_required: true,
      generate_pin: true,
      generate_pin_length: 6,
      first_party_pin: '308194',
      second_party_pin: '730516',
      pin_prompt_play: 'https://app.example/enter-pin.mp3',
      pin_retry: 1,
      pin_retry_wait: 5,
      incorrect_pin_play: '',
      create_session_with_single_party: null,
      virtual_number_cooloff_period: 0,
      force_pin_authentication: false,
    },
  ],
});

// Plivo lists a session's keys in alphabetical order, with its address among them.
const listed = z
  .object(
    Object.fromEntries(
      Object.entries({ ...session.shape, resource_uri: z.string() }).sort(([a], [b]) => (a < b ? -1 : 1)),
    ),
  )
  .meta({ id: 'ListedMaskingSession' });

export const createdSchema = z
  .object({
    api_id: apiId,
    session_uuid: z.uuid(),
    virtual_number: z.string().meta({ description: 'With `+`, unlike inside `session`.', examples: ['+14155550100'] }),
    message: z.literal('Session created'),
    warning: z.string().optional().meta({ description: 'Where PINs that the app has fixed are guessed too easily.' }),
    session: sessionSchema,
  })
  .meta({ id: 'MaskingSessionCreated' });

export const gotSchema = z.object({ api_id: apiId, response: sessionSchema }).meta({ id: 'MaskingSessionGot' });

export const updatedSchema = z
  .object({ api_id: apiId, message: z.literal('Session updated'), session: sessionSchema })
  .meta({ id: 'MaskingSessionUpdated' });

export const deletedSchema = z
  .object({ api_id: apiId, message: z.enum(['Session expired', 'Session erased']) })
  .meta({ id: 'MaskingSessionDeleted' });

const COUNTED =
  'Of sessions exact up to 10000 beyond the end of this page, up to 2000 with status `active` or `in-progress`; where that many are left it says so many, and there may be more. Of all else exact.';

export const pageMeta = z
  .object({
    limit: z.int(),
    next: z.string().nullable().meta({ description: 'The path of the next page.' }),
    offset: z.int(),
    previous: z.string().nullable(),
    total_count: z.int().meta({ description: COUNTED }),
  })
  .meta({ id: 'PageMeta' });

export const listedSchema = z
  .object({ api_id: apiId, response: z.object({ meta: pageMeta, objects: z.array(listed) }) })
  .meta({ id: 'MaskingSessionList' });
