import * as z from 'zod';
import { type Phone, parsePhone } from '../core/phone.ts';
import { shownAs, subaccount, whole } from './fields.ts';
import { pageMeta } from './masking-schemas.ts';
import { apiId } from './schemas.ts';

export const NUMBERS_RULE = 'should be numbers with country code, separated by commas';
const ALIAS_RULE = 'should be a text of at most 100 characters';
const START_RULE = 'should be digits';
const alias = () => z.string({ error: ALIAS_RULE }).max(100, { error: ALIAS_RULE });
const providerKey = () => z.string({ error: 'should be the key of a connection' });

export const addNumbersBody = z
  .object({
    numbers: z
      .union([z.string(), z.array(z.string()).min(1, { error: NUMBERS_RULE })], { error: NUMBERS_RULE })
      .transform((value) => (Array.isArray(value) ? value : value.split(',')))
      .meta(shownAs({ type: 'string', examples: ['14155550100,14155550101'] })),
    provider: providerKey().optional().meta({ description: 'May be left out where the account has one connection.' }),
    subaccount: subaccount().optional(),
    alias: alias().optional(),
  })
  .meta({ id: 'NumberAdd' });

export const changeNumberBody = z
  .object({
    alias: alias().optional(),
    subaccount: subaccount().or(z.literal('')).optional().meta({ description: 'Empty for the main account.' }),
    provider: providerKey().optional(),
  })
  .meta({ id: 'NumberChange' });

export const numberQuery = z.object({
  number_startswith: z
    .string({ error: START_RULE })
    // In a query a bare '+' is a space.
    .regex(/^[+ ]?[0-9]{1,15}$/, { error: START_RULE })
    .meta(shownAs({ type: 'string', pattern: '^\\+?[0-9]{1,15}$' }))
    .optional(),
  subaccount: subaccount().optional(),
  alias: alias().optional(),
  limit: whole(1, 20).default(20),
  offset: whole(0, 2_147_483_647).default(0),
});

const number = z.object({
  added_on: z.string().meta({ examples: ['2026-01-31'] }),
  alias: z.string().nullable(),
  application: z.null(),
  carrier: z.string(),
  monthly_rental_rate: z.string(),
  number: z.string().meta({ description: 'Digits without `+`.' }),
  number_type: z.string(),
  region: z.string(),
  resource_uri: z.string(),
  sms_enabled: z.boolean(),
  sms_rate: z.string(),
  sub_account: z.string().nullable(),
  active: z.boolean(),
  city: z.string(),
  compliance_application_id: z.null(),
  compliance_status: z.null(),
  country: z.string(),
  mms_enabled: z.boolean(),
  mms_rate: z.string(),
  tendlc_campaign_id: z.null(),
  tendlc_registration_status: z.null(),
  toll_free_sms_verification: z.null(),
  renewal_date: z.null(),
  cnam_lookup: z.string(),
  voice_enabled: z.boolean(),
  voice_rate: z.string(),
});

export const numberSchema = z.object({ api_id: apiId, ...number.shape }).meta({ id: 'Number' });
export const numberListSchema = z
  .object({ api_id: apiId, meta: pageMeta, objects: z.array(number) })
  .meta({ id: 'NumberList' });
export const numbersAddedSchema = z
  .object({
    api_id: apiId,
    message: z.literal('created'),
    numbers: z.array(z.object({ number: z.string(), status: z.string() })),
  })
  .meta({ id: 'NumbersAdded' });
export const numberChangedSchema = z
  .object({ api_id: apiId, message: z.literal('changed') })
  .meta({ id: 'NumberChanged' });

const COUNTRY_NAMES = new Intl.DisplayNames(['en'], { type: 'region' });

/** A number in Plivo's shape; what we know nothing of (messages, prices, registrations) is off, null or zero. */
export function numberToWire(
  accountId: string,
  row: {
    number: Phone;
    alias: string | null;
    subaccountId: string | null;
    country: string;
    addedAt: Date;
    dialect: string;
  },
) {
  const digits = row.number.slice(1);
  const country = COUNTRY_NAMES.of(row.country) ?? row.country;
  return {
    added_on: row.addedAt.toISOString().slice(0, 10),
    alias: row.alias,
    application: null,
    carrier: row.dialect,
    monthly_rental_rate: '0.00000',
    number: digits,
    number_type: 'local',
    region: country,
    resource_uri: `/v1/Account/${accountId}/Number/${digits}/`,
    sms_enabled: false,
    sms_rate: '0.00000',
    sub_account: row.subaccountId === null ? null : `/v1/Account/${row.subaccountId}/`,
    active: true,
    city: '',
    compliance_application_id: null,
    compliance_status: null,
    country,
    mms_enabled: false,
    mms_rate: '0.00000',
    tendlc_campaign_id: null,
    tendlc_registration_status: null,
    toll_free_sms_verification: null,
    renewal_date: null,
    cnam_lookup: 'disabled',
    voice_enabled: true,
    voice_rate: '0.00000',
  };
}

/** A virtual number as an operator writes it: with its country code. */
export function readNumber(text: string): Phone | null {
  return parsePhone(text.trim(), { defaultCountry: null, strict: false });
}
