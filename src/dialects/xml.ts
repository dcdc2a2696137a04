// The mark is a symbol of this module alone, so that no parsed JSON can pass itself off as markup.
const MARKUP: unique symbol = Symbol('markup');

/** A piece of finished markup. Only `xml` makes one. */
export interface Xml {
  readonly [MARKUP]: string;
}

/** What may stand in a `${}`: text to escape, markup to keep, or nothing. */
export type XmlValue = string | number | Xml | readonly XmlValue[] | null | undefined | false;

/**
 * Tagged template for markup: xml`<Play>${url}</Play>`. Every `${}` is escaped, for text and for
 * quoted attributes alike, unless it is itself an `xml` value or an array of them; null, undefined
 * and false render nothing. Characters that XML 1.0 cannot carry are dropped: a caller's odd name
 * must not cost the call. Never throws.
 */
export function xml(markup: TemplateStringsArray, ...values: readonly XmlValue[]): Xml {
  const pieces = markup.map((piece, index) => piece + textOf(values[index]));
  return { [MARKUP]: pieces.join('') };
}

/** The whole document around its root element, with the XML declaration. */
export function xmlDocument(root: Xml): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${root[MARKUP]}`;
}

function textOf(value: XmlValue): string {
  if (value === null || value === undefined || value === false) return '';
  if (typeof value === 'string') return escapeText(value);
  if (typeof value === 'number') return String(value);
  if (isList(value)) return value.map(textOf).join('');
  return value[MARKUP];
}

function isList(value: Xml | readonly XmlValue[]): value is readonly XmlValue[] {
  return Array.isArray(value);
}

// The complement of XML 1.0's production Char. With the `u` flag a lone surrogate is a code point of
// its own and is caught, while a pair is one character above U+FFFF and is kept.
const NOT_XML = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu;

// White space is escaped too: a parser turns a bare tab or line feed in an attribute into a space,
// and a bare carriage return anywhere into a line feed.
const REFERENCES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};

function escapeText(text: string): string {
  return text.replace(NOT_XML, '').replace(/[&<>"'\t\n\r]/g, (character) => REFERENCES[character] ?? '');
}
