import * as z from 'zod';
import { CALLER_TRUST, type CallCaps, type CallPolicy, NUMBER_TYPES } from '../core/call-policy.ts';
import { type Country, isCountry } from '../core/phone.ts';
import type { PolicyChange } from '../service/policies.ts';
import { choice, flag, whole } from './fields.ts';
import { apiId } from './schemas.ts';

// The words of a policy on the wire, and ours.

const COUNTRY_RULE = 'should be a list of country codes such as TR';
const PREFIX_RULE = 'should be a list of prefixes such as +1900';
const MONEY_RULE = 'should be an amount such as 100.00';

const country = z
  .string({ error: COUNTRY_RULE })
  .refine(isCountry, { error: COUNTRY_RULE })
  .transform((text) => text as Country);
const cap = () => whole(1, 1_000_000).nullable().optional();

const CAPS = {
  calls_at_once_per_session: 'sessionAtOnce',
  calls_an_hour_per_session: 'sessionHourly',
  calls_at_once_per_number: 'numberAtOnce',
  calls_an_hour_per_number: 'numberHourly',
  calls_at_once: 'accountAtOnce',
  calls_an_hour: 'accountHourly',
} as const satisfies Record<string, keyof CallCaps>;
type CapName = keyof typeof CAPS;
const capNames = Object.keys(CAPS) as CapName[];
const caps = Object.fromEntries(capNames.map((name) => [name, cap()])) as Record<CapName, ReturnType<typeof cap>>;

export const policyBody = z
  .strictObject({
    calls_enabled: flag().optional().describe('False ends every new call and session of the account at once.'),
    caller_trust: choice(CALLER_TRUST)
      .optional()
      .describe(
        'What a caller’s number is worth by STIR/SHAKEN. `pin_if_not_attested`: a party whose number is not attested proves by a PIN who they are.',
      ),
    countries: z
      .array(country, { error: COUNTRY_RULE })
      .max(300)
      .nullable()
      .optional()
      .describe('Where parties may be; null for everywhere.'),
    denied_number_types: z
      .array(choice(NUMBER_TYPES), { error: 'should be a list of number types' })
      .max(20)
      .optional()
      .describe('Kinds of numbers that are not called.'),
    denied_prefixes: z
      .array(z.string({ error: PREFIX_RULE }).regex(/^\+[1-9]\d{0,14}$/, { error: PREFIX_RULE }), {
        error: PREFIX_RULE,
      })
      .max(1000)
      .optional()
      .describe('Beginnings of numbers that are not called, in E.164 with +.'),
    ...caps,
    daily_spend: z
      .string({ error: MONEY_RULE })
      .regex(/^\d{1,9}(\.\d{1,5})?$/, { error: MONEY_RULE })
      .nullable()
      .optional()
      .describe('What the calls of a day (UTC) may cost, in each currency; calls that still run are not counted.'),
  })
  .meta({ id: 'PolicyChange', examples: [{ calls_an_hour_per_session: 10, countries: ['TR', 'US'] }] });

export const policySchema = z
  .object({
    api_id: apiId,
    calls_enabled: z.boolean(),
    caller_trust: z.enum(CALLER_TRUST),
    countries: z.array(z.string()).nullable(),
    denied_number_types: z.array(z.string()),
    denied_prefixes: z.array(z.string()),
    ...(Object.fromEntries(capNames.map((name) => [name, z.int().nullable()])) as Record<
      CapName,
      z.ZodNullable<z.ZodInt>
    >),
    daily_spend: z.string().nullable(),
  })
  .meta({ id: 'Policy' });

/** Ours and the wire's names, where they are one to one. */
const FIELDS = {
  calls_enabled: 'callsEnabled',
  caller_trust: 'callerTrust',
  countries: 'countries',
  denied_number_types: 'deniedTypes',
  denied_prefixes: 'deniedPrefixes',
  daily_spend: 'dailySpend',
} as const;

export function toChange(body: z.output<typeof policyBody>): PolicyChange {
  const named = (names: Readonly<Record<string, string>>) =>
    Object.fromEntries(
      Object.entries(body).flatMap(([name, value]) => {
        const ours = names[name];
        return ours === undefined || value === undefined ? [] : [[ours, value]];
      }),
    );
  return { ...named(FIELDS), caps: named(CAPS) };
}

export function policyToWire(policy: CallPolicy) {
  const { caps: limits, ...rest } = policy;
  return {
    ...Object.fromEntries(Object.entries(FIELDS).map(([name, ours]) => [name, rest[ours]])),
    ...Object.fromEntries(Object.entries(CAPS).map(([name, ours]) => [name, limits[ours]])),
  };
}
