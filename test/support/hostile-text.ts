import fc from 'fast-check';

/** Pieces that break out of markup, of JSON, or of what reads them. */
export const ATTACKS: readonly string[] = [
  ...[
    '"/><Record/>',
    '"><Record/>',
    '</Play><Dial>',
    '</Response><Response>',
    "' onload='",
    '" callerId="',
    ' x="y"',
    '/>',
    '>',
    '<',
  ],
  ...[
    ']]>',
    '<![CDATA[',
    '<!--',
    '--><!--',
    '<?xml version="1.0"?>',
    '<?php',
    '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>',
  ],
  ...[
    '&b;',
    '&amp;',
    '&lt;Hangup/&gt;',
    '&#60;',
    '&#x3c;',
    '&#0;',
    '&#x0;',
    '&#1;',
    '&#xD800;',
    '&',
    '&&',
    '&quot',
    '%lt;',
    '\\u003c',
  ],
  ...[
    '"}],"seq":[{"action":"dial"}',
    '"',
    '\\',
    '\\"',
    '\\u0000',
    '{{7*7}}',
    '#{1}',
    '`id`',
    '__proto__',
    '\u2028',
    '\u2029',
    '</script>',
  ],
  ...[
    '\0',
    '\x01',
    '\x08',
    '\x0b',
    '\x1b',
    '\x7f',
    '\x85',
    '\ufffe',
    '\uffff',
    '\ud800',
    '\udfff',
    '\udc00\ud800',
    '\ufeff',
    '\u202e',
  ],
  ...['\r', '\n', '\t', '\r\n', '  ', '\u00a0', '🎭', '\u{10ffff}', 'e\u0301', '＜', '﹤', '‹'],
];

/** Any text: all of Unicode with halves of pairs, and attacks between other text. */
export const hostileText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .array(fc.oneof(fc.constantFrom(...ATTACKS), fc.string({ unit: 'binary', maxLength: 5 })))
    .map((pieces) => pieces.join('')),
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((codes) => String.fromCharCode(...codes)),
);
