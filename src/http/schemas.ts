import fastJsonStringify from 'fast-json-stringify';
import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import { InvalidRequest } from './problems.ts';

/**
 * zod on the way in, fast-json-stringify on the way out: three times faster than zod there, and what a
 * response's schema does not name never leaves.
 */
export function useZod(app: FastifyInstance): void {
  app.setValidatorCompiler(({ schema }) => {
    return (value) => {
      const read = readBy(schema as z.ZodType, value);
      return 'value' in read ? read : { error: new InvalidRequest(read.field, read.rule) };
    };
  });
  app.setSerializerCompiler(({ schema }) => {
    // An answer without a body is only described.
    if (!(schema instanceof z.ZodType)) return JSON.stringify;
    return (value) => writerOf(schema)(value);
  });
}

const writers = new WeakMap<z.ZodType, (value: unknown) => string>();

/** What writes values of a schema. Made at the first answer of its kind: all of them would be a tenth of a start. */
export function writerOf(schema: z.ZodType): (value: unknown) => string {
  const known = writers.get(schema);
  if (known) return known;
  const writer = fastJsonStringify(toJsonSchema(schema));
  writers.set(schema, writer);
  return writer;
}

/** What a schema makes of a value, or its first fault. */
export function readBy<S extends z.ZodType>(
  schema: S,
  value: unknown,
): { readonly value: z.output<S> } | { readonly field: string; readonly rule: string } {
  const result = schema.safeParse(value, { error: ruleOf });
  if (result.success) return { value: result.data };
  const [issue] = result.error.issues;
  return { field: issue?.path.map(String).join('.') || 'body', rule: issue?.message ?? 'is not valid' };
}

/** The rule in an error's text where a schema has no words of its own. */
function ruleOf(issue: z.core.$ZodRawIssue): string {
  return issue.code === 'invalid_type' ? `should be of type ${issue.expected}` : 'is not valid';
}

/** Every answer names its request. */
export const apiId = z.uuid().meta({ description: 'The id of this request.' });

export const errorBody = z
  .object({ api_id: apiId, error: z.string() })
  .meta({ id: 'Error', description: 'What was wrong, in a sentence that names the field and the rule.' });

const REASONS: Readonly<Record<number, string>> = {
  400: 'The request is refused; the text names the field and the rule.',
  401: 'The credentials are missing or wrong.',
  403: 'The account may not do this.',
  404: 'There is no such resource.',
  409: 'The resource is in use, or a request with this Idempotency-Key is still running.',
  413: 'The body is too large.',
  415: 'The content type is not supported.',
  422: 'The Idempotency-Key came with another body before.',
  429: 'Too many requests of this account, or bad sign-ins; `Retry-After` says when to come back.',
  503: 'The database is out of reach; nothing was done.',
};

/** The error answers of a route, for its documentation and its serializer; every one can have come too often. */
export function errors<const S extends number>(...statuses: readonly S[]) {
  const entries = [...statuses, 429].map((status) => [status, json(errorBody, REASONS[status] ?? 'An error.')]);
  return Object.fromEntries(entries) as Record<S, ReturnType<typeof json>>;
}

/** A JSON response in the form that the documentation wants. */
export function json(schema: z.ZodType, description: string) {
  return { description, content: { 'application/json': { schema } } };
}

function toJsonSchema(schema: z.ZodType): object {
  return plain(z.toJSONSchema(schema, { io: 'output', reused: 'inline', unrepresentable: 'any' })) as object;
}

// Only what decides the shape: patterns cost time on the way out, and `id` would name the schema.
function plain(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(plain);
  if (typeof node !== 'object' || node === null) return node;
  const kept = Object.entries(node).filter(
    ([key]) => !['$schema', 'id', 'pattern', 'propertyNames', 'format', 'examples'].includes(key),
  );
  return Object.fromEntries(
    kept.map(([key, value]) =>
      // The names below `properties` are the document's own, not the schema's.
      key === 'properties'
        ? [key, Object.fromEntries(Object.entries(value as object).map(([name, child]) => [name, plain(child)]))]
        : [key, plain(value)],
    ),
  );
}
