import fc from 'fast-check';

// Requests out of an OpenAPI document: each of its operations with what its own schemas ask for, or nearly.

// biome-ignore lint/suspicious/noExplicitAny: a JSON schema has any shape.
type Schema = Record<string, any>;

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema: Schema;
}

export interface Operation {
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { schema: Schema }>> }>>;
  readonly security?: readonly object[];
}

export interface FuzzCase {
  readonly operation: Operation;
  readonly url: string;
  /** Who signs in. */
  readonly who: 'main' | 'sub' | 'other' | 'wrong' | 'nobody';
  readonly type?: string;
  readonly payload?: string;
}

export function operationsOf(document: Schema): readonly Operation[] {
  return Object.entries<Schema>(document.paths).flatMap(([path, methods]) =>
    Object.entries<Schema>(methods).map(([method, rest]) => {
      return { method: method.toUpperCase(), path, parameters: [], ...rest } as unknown as Operation;
    }),
  );
}

const WORDS = [
  ...[
    '',
    ' ',
    '\0',
    '\ud800',
    'null',
    'true',
    'NaN',
    '0',
    '-0',
    '-1',
    '1e9',
    '0x1f',
    '1.5',
    '٣٤',
    '５',
    '9'.repeat(40),
  ],
  ...['__proto__', 'constructor', "' or 1=1--", '{{7*7}}', '<a/>', '"><b>', '../../etc/passwd', '%00', '%s%n'],
  ...[
    '2024-02-30 00:00',
    '9999-12-31 23:59:59',
    '2024-01-31 13:35:51.123456',
    '\u202e+12025550000',
    '+1202555\u200b0000',
  ],
  ...[
    'http://a/\0',
    'javascript:1',
    'http://127.0.0.1/',
    '\r\nx: y',
    '🎭'.repeat(20),
    'a'.repeat(5_000),
    '\u0130\u0131',
  ],
];
const wrongText = fc.oneof(fc.constantFrom(...WORDS), fc.string({ unit: 'binary', maxLength: 16 }));
const wrongValue: fc.Arbitrary<unknown> = fc.oneof(
  { arbitrary: wrongText, weight: 4 },
  fc.constantFrom(null, true, false, 0, -0, -1, 1.5, 1e21, 2 ** 31, 2 ** 53, -(2 ** 63), [], {}, [[]], [null], {
    a: {},
  }),
  fc.jsonValue({ maxDepth: 2 }),
  fc.nat(40).map((depth) => JSON.parse('['.repeat(depth + 1) + ']'.repeat(depth + 1))),
);

/** Requests of these operations; `known` has values that exist, by the name of what they are for. */
export function fuzzCase(
  document: Schema,
  operations: readonly Operation[],
  known: Readonly<Record<string, readonly string[]>>,
): fc.Arbitrary<FuzzCase> {
  const right = (schema: Schema) => valid(document, schema);
  const someOf = (name: string, schema: Schema) => {
    const values = known[name];
    return values === undefined
      ? right(schema)
      : fc.oneof({ arbitrary: fc.constantFrom(...values), weight: 4 }, right(schema));
  };
  const mostly = <T>(usual: fc.Arbitrary<T>, odd: fc.Arbitrary<T>, weight: number) =>
    fc.oneof({ arbitrary: usual, weight }, { arbitrary: odd, weight: 1 });

  const pathOf = ({ path, parameters }: Operation) => {
    const names = parameters.filter((one) => one.in === 'path');
    const values = names.map(({ name, schema }) => mostly(someOf(name, schema).map(String), wrongText, 9));
    return fc.tuple(...values).map((all) =>
      all.reduce(
        (url, text, at) =>
          url.replace(
            `{${names[at]?.name}}`,
            encode(text || '-')
              .slice(0, 190)
              .replace(/%.?$/, ''),
          ),
        path,
      ),
    );
  };
  const queryOf = ({ parameters }: Operation) => {
    const names = parameters.filter((one) => one.in === 'query');
    const pairOf = ({ name, schema }: Parameter) =>
      mostly(someOf(name, schema).map(String), wrongText, 8).map((text) => [name, text]);
    const odd = fc.tuple(wrongText, wrongText);
    const more = fc.array(fc.oneof(...names.map((one) => pairOf(one)), odd), { maxLength: names.length === 0 ? 1 : 3 });
    const musts = names.filter(({ required }) => required).map((one) => pairOf(one));
    return fc.tuple(mostly(fc.tuple(...musts), fc.constant<string[][]>([]), 9), more).map((all) =>
      all
        .flat()
        .map(([name = '', text = '']) => `${encode(name)}=${encode(text)}`)
        .join('&'),
    );
  };
  const bodyOf = ({ requestBody }: Operation): fc.Arbitrary<{ type?: string; payload?: string }> => {
    const schema = requestBody?.content['application/json']?.schema;
    const objects = schema === undefined ? fc.constant({}) : objectOf(schema);
    const json = fc.oneof(
      { arbitrary: objects.map((body) => JSON.stringify(body)), weight: 12 },
      { arbitrary: wrongValue.map((body) => JSON.stringify(body)), weight: 1 },
      { arbitrary: fc.constantFrom('', '{', '[', '{"a":1e999}', '\ufeff{}', `"${'x'.repeat(70_000)}"`), weight: 1 },
    );
    const form = objects.map((body) =>
      Object.entries(body as object)
        .map(
          ([name, value]) =>
            `${encode(name)}=${encode(typeof value === 'object' ? JSON.stringify(value) : String(value))}`,
        )
        .join('&'),
    );
    return fc.oneof(
      { arbitrary: json.map((payload) => ({ type: 'application/json', payload })), weight: 8 },
      { arbitrary: form.map((payload) => ({ type: 'application/x-www-form-urlencoded', payload })), weight: 2 },
      {
        arbitrary: fc.constantFrom(
          { type: 'text/plain', payload: 'x' },
          { type: 'application/xml', payload: '<x/>' },
          {},
        ),
        weight: 1,
      },
    );
  };
  /** All that it must have and some of what it may, some of it wrong. */
  const objectOf = (schema: Schema) => {
    const { properties = {}, required = [] } = deref(document, schema);
    const fields = Object.entries<Schema>(properties).map(([name, one]) => {
      const some = mostly<unknown>(someOf(name, one), wrongValue, 25);
      const chance = required.includes(name) || known[name] !== undefined ? 25 : 1;
      return fc.oneof(
        { arbitrary: some.map((value) => [[name, value]] as const), weight: chance },
        { arbitrary: fc.constant([] as const), weight: chance === 1 ? 2 : 1 },
      );
    });
    const odd = fc.oneof(
      { arbitrary: fc.constant([] as const), weight: 9 },
      { arbitrary: fc.tuple(wrongText, wrongValue).map((pair) => [pair] as const), weight: 1 },
    );
    return fc.tuple(...fields, odd).map((all) => Object.fromEntries(all.flat() as [string, unknown][]));
  };

  return fc.constantFrom(...operations).chain((operation) => {
    const hasBody = operation.method === 'POST' || operation.method === 'DELETE';
    const who = fc.oneof(
      { arbitrary: fc.constant('main' as const), weight: 16 },
      fc.constantFrom('sub' as const, 'other' as const, 'wrong' as const, 'nobody' as const),
    );
    return fc
      .tuple(pathOf(operation), queryOf(operation), hasBody ? bodyOf(operation) : fc.constant({}), who)
      .map(([path, query, body, by]) => ({
        operation,
        url: query === '' ? path : `${path}?${query}`,
        who: by,
        ...body,
      }));
  });
}

const encode = (text: string) => encodeURIComponent(text.toWellFormed());

export function deref(document: Schema, schema: Schema): Schema {
  if (typeof schema.$ref !== 'string') return schema;
  const parts = schema.$ref.slice(2).split('/');
  return deref(
    document,
    parts.reduce((node, part) => node[part], document),
  );
}

/** What a schema accepts; of a text without a form, any short one. */
function valid(document: Schema, given: Schema): fc.Arbitrary<unknown> {
  const schema = deref(document, given);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return fc.oneof(...choices.map((one: Schema) => valid(document, one)));
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  switch (type) {
    case 'boolean':
      return fc.boolean();
    case 'integer':
    case 'number': {
      const [min = 0, max = 100_000] = [schema.minimum, schema.maximum];
      return fc.oneof(fc.constantFrom(min, max), fc.integer({ min, max: Math.min(max, 2 ** 31 - 1) }));
    }
    case 'array':
      return fc.array(valid(document, schema.items ?? {}), { maxLength: 3 });
    case 'object':
      return fc.record(
        Object.fromEntries(
          Object.entries<Schema>(schema.properties ?? {}).map(([name, one]) => [name, valid(document, one)]),
        ),
        { requiredKeys: schema.required ?? [] },
      );
    case 'null':
      return fc.constant(null);
    default:
      return validText(schema);
  }
}

function validText(schema: Schema): fc.Arbitrary<string> {
  const examples: readonly string[] = schema.examples ?? [];
  if (schema.pattern !== undefined && schema.format === undefined) return fc.stringMatching(new RegExp(schema.pattern));
  if (schema.format === 'uuid') return fc.uuid();
  if (schema.format === 'uri') return fc.nat(99).map((n) => `https://app.example/${n}`);
  if (schema.format === 'date-time') return fc.constant('2026-01-31T00:00:00Z');
  return examples.length > 0 ? fc.constantFrom(...examples) : fc.string({ maxLength: 20 });
}
