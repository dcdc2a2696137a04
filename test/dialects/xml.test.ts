import fc from 'fast-check';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { describe, expect, it } from 'vitest';
import { xml, xmlDocument } from '../../src/dialects/xml.ts';
import { hostileText } from '../support/hostile-text.ts';

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  htmlEntities: true,
  alwaysCreateTextNode: true,
});
// Said in another way than in the code under test, character by character.
const speakable = (text: string) =>
  [...text]
    .filter((character) => {
      const code = character.codePointAt(0) ?? 0;
      if (code < 0x20) return code === 0x9 || code === 0xa || code === 0xd;
      return !(code >= 0xd800 && code <= 0xdfff) && code !== 0xfffe && code !== 0xffff;
    })
    .join('');
describe('xml', () => {
  it('escapes text and attributes alike', () => {
    const evil = `"><Record/>'&\t\n\r`;
    expect(xmlDocument(xml`<a b="${evil}">${evil}</a>`)).toBe(
      '<?xml version="1.0" encoding="UTF-8"?>\n' +
        '<a b="&quot;&gt;&lt;Record/&gt;&apos;&amp;&#9;&#10;&#13;">&quot;&gt;&lt;Record/&gt;&apos;&amp;&#9;&#10;&#13;</a>',
    );
  });

  it('keeps nested markup and lists of it, and renders nothing for nothing', () => {
    const items = ['1', '<2>'].map((text) => xml`<i>${text}</i>`);
    expect(xmlDocument(xml`<a>${items}${null}${undefined}${false}${0}${['&', xml`<b/>`]}</a>`)).toContain(
      '<a><i>1</i><i>&lt;2&gt;</i>0&amp;<b/></a>',
    );
  });

  it('takes no object from outside for markup', () => {
    // What a JSON body could hold at best: the type says no, and so does the symbol.
    const forged = JSON.parse('{"xml":"<Hangup/>","markup":"<Hangup/>","Symbol(markup)":"<Hangup/>"}');
    expect(xmlDocument(xml`<a>${forged}</a>`)).not.toContain('<Hangup/>');
  });

  it('drops what XML 1.0 cannot carry and keeps the rest', () => {
    expect(xmlDocument(xml`<a>${'\u0000\u0001\u001F\uD800x\uDC00\uFFFE\uFFFF\u0085\u2028ü😀'}</a>`)).toContain(
      '<a>x\u0085\u2028ü😀</a>',
    );
  });

  it('gives any text back through a parser, minus the characters that XML 1.0 has not', () => {
    fc.assert(
      fc.property(hostileText, (value) => {
        const document = xmlDocument(xml`<a b="${value}">${value}</a>`);
        expect(XMLValidator.validate(document)).toBe(true);
        const { a } = parser.parse(document);
        expect(a).toEqual({ '@b': speakable(value), '#text': speakable(value) });
      }),
      { numRuns: 10_000 },
    );
  });
});
