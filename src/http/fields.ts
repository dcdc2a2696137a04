import * as z from 'zod';

// Fields as apps write them. Plivo's SDKs send numbers as strings, booleans as strings and PINs as numbers,
// so each field takes both; the documents show the plain type. A message is the rule that was broken: it
// follows the field's name in the error text.

/** Whole number from `min` to `max`. */
export function whole(min: number, max: number) {
  return z
    .union([z.number(), z.string().regex(/^-?\d+$/, { error: WHOLE_RULE })], { error: WHOLE_RULE })
    .transform(Number)
    .pipe(
      z.number({ error: OUTSIDE }).min(min, { error: OUTSIDE }).max(max, { error: OUTSIDE }).int({ error: WHOLE_RULE }),
    )
    .meta(shownAs({ type: 'integer', minimum: min, maximum: max }));
}

/** Whole number of seconds; 0 means that none was given, since two SDKs always send it. */
export function duration(max: number) {
  return whole(0, max);
}

export function flag() {
  return z
    .union([z.boolean(), z.enum(['true', 'false'])], { error: 'allowed values are true or false' })
    .transform((value) => value === true || value === 'true')
    .meta(shownAs({ type: 'boolean' }));
}

/** A http or https address of at most 1000 characters; '' for none. */
export function address() {
  return z
    .string({ error: URL_RULE })
    .max(1000, { error: 'should be under 1000 characters' })
    .refine((text) => text === '' || isHttpUrl(text), { error: URL_RULE })
    .meta(shownAs({ type: 'string', format: 'uri', maxLength: 1000 }));
}

export function choice<const T extends string>(values: readonly [T, ...T[]]) {
  return z.enum(values, { error: `allowed values are ${values.join(' or ')}` });
}

export function method() {
  return z
    .string({ error: METHOD_RULE })
    .transform((text) => text.toUpperCase())
    .pipe(z.enum(['GET', 'POST'], { error: METHOD_RULE }))
    .meta(shownAs({ type: 'string', enum: ['GET', 'POST'] }));
}

/** A phone in the app's own notation; read later, since that depends on the account. */
export function phone() {
  return z
    .union(
      [
        z.string().max(64, { error: PHONE_RULE }),
        z.number().int({ error: PHONE_RULE }).positive({ error: PHONE_RULE }),
      ],
      { error: PHONE_RULE },
    )
    .transform(String)
    .meta(shownAs({ type: 'string', examples: ['+12025550000'] }));
}

export function pin() {
  return z
    .union([z.string(), z.number()], { error: PIN_RULE })
    .transform(String)
    .pipe(z.string().regex(/^[0-9]{4,15}$/, { error: PIN_RULE }))
    .meta(shownAs({ type: 'string', pattern: '^[0-9]{4,15}$' }));
}

export function subaccount() {
  return z.string({ error: SUBACCOUNT_RULE }).regex(/^SA[A-Z0-9]{18}$/, { error: SUBACCOUNT_RULE });
}

/** The id of a session, as a filter. */
export function sessionUuid() {
  return z.guid({ error: 'should be the id of a session' }).toLowerCase();
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const NOBODY = '00000000-0000-0000-0000-000000000000';

/** An id of ours in a path; a text that is none names nothing, and is then not found. */
export function idInPath(text: string): string {
  return UUID.test(text) ? text.toLowerCase() : NOBODY;
}

// The documents show the plain type alone, not all the forms that are taken.
export function shownAs(plain: object) {
  return {
    override: ({ jsonSchema }: { jsonSchema: object }) => {
      for (const key of Object.keys(jsonSchema)) Reflect.deleteProperty(jsonSchema, key);
      Object.assign(jsonSchema, plain);
    },
  };
}

const WHOLE_RULE = 'should be a whole number';
const PHONE_RULE = 'is not a valid phone number';
const OUTSIDE = 'is outside the allowed range';
const URL_RULE = 'should be a valid URL';
const METHOD_RULE = 'allowed values are GET or POST';
const PIN_RULE = 'should be 4 to 15 digits';
const SUBACCOUNT_RULE = 'should be the auth id of a subaccount';

function isHttpUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return (
    /^https?:$/.test(url.protocol) && url.username === '' && url.password === '' && /^https?:\/\/[^/\\]/i.test(text)
  );
}
