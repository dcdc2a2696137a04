import type { Instruction } from './instruction.ts';

/**
 * Reads Hipcall's sequence. Source: Hipcall help, "External Management".
 *
 * @throws Error that says what is wrong where Hipcall would not take the document.
 */
export function readHipcall(document: string): readonly Instruction[] {
  const parsed: unknown = JSON.parse(document);
  if (!isRecord(parsed) || parsed.version !== '1') throw new Error('no document of version 1');
  if (!Array.isArray(parsed.seq)) throw new Error('seq is not a list');
  return parsed.seq.map(instructionOf);
}

function instructionOf(item: unknown): Instruction {
  if (!isRecord(item)) throw new Error('seq holds what is no item');
  const args = isRecord(item.args) ? item.args : {};
  switch (item.action) {
    case 'play':
      return { kind: 'play', url: textOf(args.url) };
    case 'gather':
      return {
        kind: 'gather',
        prompts: args.ask === undefined ? [] : [{ kind: 'play', url: textOf(args.ask) }],
        goesTo: typeof args.variable_name === 'string' ? args.variable_name : null,
        method: 'POST',
        isHeeded: true,
        minDigits: Number(args.min_digits),
        maxDigits: Number(args.max_digits),
        finishKey: '#',
        validKeys: '1234567890*#',
        patienceSeconds: 10,
        betweenKeysSeconds: null,
      };
    case 'dial':
      return {
        kind: 'dial',
        numbers: [textOf(args.destination)],
        callerId: undefined,
        callerName: null,
        timeLimitSeconds: undefined,
        ringSeconds: null,
        calleePlayUrl: null,
        actionUrl: null,
        callbackUrl: null,
      };
    case 'connect':
      return { kind: 'connect', extension: textOf(args.destination) };
    case 'hangup':
      return { kind: 'hangup', rejected: false };
    default:
      return { kind: 'unknown', name: textOf(item.action) };
  }
}

function textOf(value: unknown): string {
  return value === undefined ? '' : String(value);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
