import { type DialInstruction, type GatherInstruction, type Instruction, isLast } from './instruction.ts';

/** Who is on the call. */
export interface PersonsOnLine {
  /** With or without `+`; null for a withheld number. */
  readonly caller: string | null;
  readonly virtualNumber: string;
  /** Whom the call is for, beside whom the document itself dials. */
  readonly others?: readonly string[];
}

export type FaultCode =
  | 'number_leaked'
  | 'no_caller_id'
  | 'no_time_limit'
  | 'dials_caller'
  | 'dials_itself'
  | 'not_one_callee'
  | 'unanswerable_gather'
  | 'takes_message'
  | 'unknown_instruction'
  | 'after_the_end'
  | 'no_end'
  | 'rejected_after_answer'
  | 'answers_differ';

/** What is wrong with a document, in words without any number. */
export interface Fault {
  readonly code: FaultCode;
  readonly words: string;
}

/**
 * What a document would show to the one side of the other, and whatever else would harm a call. Pure, and without any
 * knowledge of why the document is as it is.
 *
 * @param isAnswered true when the call was answered before, so that it can be rejected no more.
 */
export function checkDocument(
  instructions: readonly Instruction[],
  persons: PersonsOnLine,
  isAnswered: boolean,
): readonly Fault[] {
  return [...faultsOfAll(instructions, persons, isAnswered)];
}

/** The same for what the callee alone hears after answering. */
export function checkCalleeDocument(instructions: readonly Instruction[], persons: PersonsOnLine): readonly Fault[] {
  const others = instructions.filter(({ kind }) => kind !== 'play' && kind !== 'speak' && kind !== 'wait');
  return [
    ...instructions.flatMap((instruction) => [...heard(instruction, realNumbers(persons, []), 'The callee')]),
    ...others.map(({ kind }) => fault('unknown_instruction', `The callee cannot be told to ${kind} here.`)),
  ];
}

function* faultsOfAll(instructions: readonly Instruction[], persons: PersonsOnLine, isAnswered: boolean) {
  const dialled = instructions.flatMap((one) => (one.kind === 'dial' ? one.numbers : []));
  const real = realNumbers(persons, dialled);
  const end = instructions.findIndex(isLast);
  for (const [index, instruction] of instructions.entries()) {
    yield* heard(instruction, real, 'The caller');
    if (instruction.kind === 'unknown') yield fault('unknown_instruction', `No provider knows "${instruction.name}".`);
    if (instruction.kind === 'record' && instruction.takesMessage) {
      yield fault('takes_message', 'The caller alone is recorded, as if for a message.');
    }
    if (instruction.kind === 'gather') yield* ofGather(instruction, real);
    if (instruction.kind === 'dial') yield* ofDial(instruction, persons, real);
    if (instruction.kind === 'hangup' && instruction.rejected && (isAnswered || index > 0)) {
      yield fault('rejected_after_answer', 'A call that has been answered cannot be rejected.');
    }
  }
  if (end >= 0 && end < instructions.length - 1) {
    yield fault('after_the_end', 'What stands behind the end of the document is never done.');
  }
  if (end < 0 && !instructions.some(({ kind }) => kind === 'gather')) {
    yield fault('no_end', 'The document ends without saying what becomes of the call.');
  }
}

function* heard(instruction: Instruction, real: readonly string[], who: string): Generator<Fault> {
  const text = instruction.kind === 'play' ? instruction.url : instruction.kind === 'speak' ? instruction.text : '';
  if (holdsOne(text, real)) yield fault('number_leaked', `${who} hears a real number.`);
}

function* ofGather(gather: GatherInstruction, real: readonly string[]): Generator<Fault> {
  const { goesTo, isHeeded, minDigits, maxDigits, validKeys, finishKey, patienceSeconds } = gather;
  for (const prompt of gather.prompts) yield* heard(prompt, real, 'The caller');
  const why =
    (!goesTo && 'its digits go nowhere') ||
    (!isHeeded && 'the answer to its digits is ignored') ||
    (!(minDigits >= 1 && maxDigits >= minDigits) && 'no entry is long enough and short enough') ||
    ([...validKeys].every((key) => key === finishKey) && 'no key is valid') ||
    (!(patienceSeconds > 0) && 'it waits for no key');
  if (why) yield fault('unanswerable_gather', `The question cannot be answered: ${why}.`);
}

function* ofDial(dial: DialInstruction, persons: PersonsOnLine, real: readonly string[]): Generator<Fault> {
  const { numbers, callerId, callerName, timeLimitSeconds } = dial;
  const [caller, virtualNumber] = [digitsOf(persons.caller ?? ''), digitsOf(persons.virtualNumber)];
  if (numbers.length !== 1) yield fault('not_one_callee', 'Not exactly one phone is called.');
  if (callerId === null) yield fault('no_caller_id', "The callee's screen shows the caller's own number.");
  if (callerId && digitsOf(callerId) !== virtualNumber) {
    const isReal = holdsOne(callerId, real);
    const words = isReal ? 'a real number' : 'another number than the virtual one';
    yield fault(isReal ? 'number_leaked' : 'no_caller_id', `The callee's screen shows ${words}.`);
  }
  if (holdsOne(callerName ?? '', real))
    yield fault('number_leaked', "The callee's screen shows a real number as a name.");
  // Undefined where the provider's own limit is all there is.
  if (timeLimitSeconds === null || (timeLimitSeconds !== undefined && !(timeLimitSeconds > 0))) {
    yield fault('no_time_limit', 'The call may last as long as it likes.');
  }
  if (caller !== '' && numbers.some((number) => digitsOf(number) === caller)) {
    yield fault('dials_caller', "The caller's own phone is called.");
  }
  if (numbers.some((number) => digitsOf(number) === virtualNumber)) {
    yield fault('dials_itself', 'The virtual number calls itself.');
  }
}

function realNumbers({ caller, virtualNumber, others = [] }: PersonsOnLine, dialled: readonly string[]): string[] {
  const all = [caller ?? '', ...others, ...dialled].map(digitsOf);
  return all.filter((digits) => digits.length >= LEAST_TELLING && digits !== digitsOf(virtualNumber));
}

// So many of a number's last digits tell it: what people say in its own area.
const LEAST_TELLING = 7;

/** True where a number stands in the text, in any notation, also spoken digit by digit. */
function holdsOne(text: string, real: readonly string[]): boolean {
  const digits = text.replace(/(?<=\d)[\s().,/-]+(?=\d)/g, '');
  return real.some((number) => digits.includes(number.slice(-LEAST_TELLING)));
}

function digitsOf(text: string): string {
  return text.replace(/\D/g, '');
}

function fault(code: FaultCode, words: string): Fault {
  return { code, words };
}
