// PostgreSQL's numbers of text[], integer[] and uuid[].
const TEXTS = 1009;
const INTEGERS = 1007;
const UUIDS = 2951;

/**
 * The arrays that our statements pass, told to the driver at once. Left to itself it asks the server about arrays on
 * every new connection, and does not catch it when the server goes away under that question: the process would end
 * (postgres.js 3.4.9, `fetchArrayTypes`).
 */
export const ARRAY_TYPES = {
  texts: { to: TEXTS, from: [TEXTS, UUIDS], serialize: writeArray, parse: readArray },
  integers: {
    to: INTEGERS,
    from: [INTEGERS],
    serialize: writeArray,
    parse: (text: string) => readArray(text).map(Number),
  },
};

/** An array in PostgreSQL's own notation, such as `{"a","b\"c",null}`. */
export function writeArray(items: readonly (string | number | null)[]): string {
  const written = items.map((item) => (item === null ? 'null' : `"${String(item).replace(/["\\]/g, '\\$&')}"`));
  return `{${written.join(',')}}`;
}

/** The texts of a flat array without nulls. */
export function readArray(text: string): string[] {
  const items = text.slice(1, -1).matchAll(/"((?:[^"\\]|\\.)*)"|[^,]+/gs);
  return [...items].map(([item, quoted]) => (quoted === undefined ? item : quoted.replace(/\\(.)/gs, '$1')));
}
