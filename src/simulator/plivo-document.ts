import { XMLParser, XMLValidator } from 'fast-xml-parser';
import type { DialInstruction, GatherInstruction, Instruction } from './instruction.ts';

interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly Element[];
  readonly text: string;
}

const PARSER = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: '',
  parseTagValue: false,
  parseAttributeValue: false,
  // Without this it leaves &#10; as it is.
  htmlEntities: true,
});

// What Plivo takes where an attribute is not given. Source: Plivo docs, "XML elements".
const MOST_DIGITS = 99;
const ALL_KEYS = '1234567890*#';
const GATHER_SECONDS = 5;
const BETWEEN_KEYS_SECONDS = 2;

/**
 * Reads Plivo XML.
 *
 * @throws Error that says what is wrong where Plivo would not take the document.
 */
export function readPlivo(document: string): readonly Instruction[] {
  const verdict = XMLValidator.validate(document);
  if (verdict !== true) throw new Error(`not well-formed: ${verdict.err.msg}`);
  const roots = (PARSER.parse(document) as Node[]).map(elementOf).filter(({ name }) => name !== '?xml');
  if (roots.length !== 1 || roots[0]?.name !== 'Response') throw new Error('the root is not one Response');
  return roots[0].children.map(instructionOf);
}

type Node = Readonly<Record<string, unknown>>;

function elementOf(node: Node): Element {
  const name = Object.keys(node).find((key) => key !== ':@') ?? '';
  const inside = (Array.isArray(node[name]) ? node[name] : []) as Node[];
  return {
    name,
    attributes: (node[':@'] ?? {}) as Record<string, string>,
    children: inside.filter((child) => !('#text' in child)).map(elementOf),
    text: inside.map((child) => child['#text'] ?? '').join(''),
  };
}

function instructionOf(element: Element): Instruction {
  const { name, attributes, text } = element;
  switch (name) {
    case 'Play':
      return { kind: 'play', url: text };
    case 'Speak':
      return { kind: 'speak', text };
    case 'Wait':
      return { kind: 'wait', seconds: Number(attributes.length ?? 1) };
    case 'Record': {
      const isOfBoth = attributes.recordSession === 'true' || attributes.startOnDialAnswer === 'true';
      return { kind: 'record', takesMessage: !isOfBoth, callbackUrl: attributes.callbackUrl ?? null };
    }
    case 'GetDigits':
      return gatherOf(element);
    case 'Dial':
      return dialOf(element);
    case 'Redirect':
      return { kind: 'redirect', url: text, method: methodOf(attributes.method) };
    case 'Hangup':
      return { kind: 'hangup', rejected: attributes.reason === 'rejected' };
    default:
      return { kind: 'unknown', name };
  }
}

function gatherOf({ attributes, children }: Element): GatherInstruction {
  const { action, method, redirect, numDigits, finishOnKey = '#', validDigits = ALL_KEYS } = attributes;
  return {
    kind: 'gather',
    prompts: children.map(instructionOf),
    goesTo: action ?? null,
    method: methodOf(method),
    isHeeded: redirect !== 'false',
    minDigits: 1,
    maxDigits: Number(numDigits ?? MOST_DIGITS),
    finishKey: finishOnKey === 'none' ? '' : finishOnKey,
    validKeys: validDigits,
    patienceSeconds: Number(attributes.timeout ?? GATHER_SECONDS),
    betweenKeysSeconds: Number(attributes.digitTimeout ?? BETWEEN_KEYS_SECONDS),
  };
}

function dialOf({ attributes, children }: Element): DialInstruction {
  const { callerId, callerName, timeLimit, timeout, confirmSound, action, callbackUrl } = attributes;
  // A number's own caller ID wins over that of its dial.
  const own = children.find((child) => child.attributes.callerId !== undefined)?.attributes;
  return {
    kind: 'dial',
    numbers: children.map(({ text }) => text),
    callerId: own?.callerId ?? callerId ?? null,
    callerName: own?.callerName ?? callerName ?? null,
    timeLimitSeconds: timeLimit === undefined ? null : Number(timeLimit),
    ringSeconds: timeout === undefined ? null : Number(timeout),
    calleePlayUrl: confirmSound ?? null,
    actionUrl: action ?? null,
    callbackUrl: callbackUrl ?? null,
  };
}

function methodOf(text: string | undefined): 'GET' | 'POST' {
  return text === 'GET' ? 'GET' : 'POST';
}
