import { type DialInstruction, type GatherInstruction, type Instruction, shownBy } from './instruction.ts';
import { checkCalleeDocument, checkDocument, type Fault, type PersonsOnLine } from './leak-check.ts';
import type { Course, PretendProvider } from './provider.ts';
import { collect, type Script } from './script.ts';
import type { End, Exchanged, Happening, Played } from './timeline.ts';
import type { Carry, WireRequest } from './wire.ts';

// How long things take people, in seconds.
const SOUND = 4;
const ONE_KEY = 1;
const UNTIL_ANSWERED = 6;
const UNTIL_BUSY = 2;
const RINGS_AT_MOST = 30;
// A caller who is asked and asked again gives up.
const QUESTIONS_AT_MOST = 25;

export interface PhoneCall {
  readonly provider: PretendProvider;
  readonly persons: PersonsOnLine;
  readonly script: Script;
  readonly carry: Carry;
  /** Milliseconds of any clock, for how long answers take. */
  readonly clock: () => number;
}

/** Plays a call from the dialling to the last webhook. Whatever the service answers is told, never thrown. */
export async function playCall(call: PhoneCall): Promise<Played> {
  return new Line(call).play();
}

class Line {
  readonly #call: PhoneCall;
  readonly #happenings: Happening[] = [];
  readonly #entries: string[];
  #at = 0;
  #isAnswered = false;
  #recordingUrl: string | null = null;
  #dial: DialInstruction | null = null;
  #course: Course | null = null;
  #end: End = 'failed';

  constructor(call: PhoneCall) {
    this.#call = call;
    this.#entries = [...call.script.entries];
  }

  async play(): Promise<Played> {
    const { provider, persons } = this.#call;
    this.#tell('caller', 'dials', `${persons.caller ?? 'a withheld number'} dials ${persons.virtualNumber}`);
    let request: WireRequest | null = provider.firstQuestion();
    for (let asked = 0; request !== null && asked < QUESTIONS_AT_MOST; asked++) {
      const instructions = await this.#ask(request);
      request = instructions && (await this.#follow(instructions));
    }
    for (const { at, request: report } of this.#course ? provider.reports(this.#course) : []) {
      this.#at = Math.max(this.#at, at);
      await this.#exchange(report, at);
    }
    const faults = this.#happenings.flatMap((one) => (one.kind === 'exchange' ? one.exchanged.faults : []));
    return {
      happenings: this.#happenings,
      end: this.#end,
      dialled: this.#dial?.numbers[0]?.replace(/\D/g, '') ?? null,
      shown: this.#dial?.callerId ?? null,
      faults,
    };
  }

  /** Asks what to do now; null where the answer is none that a provider would take. */
  async #ask(request: WireRequest): Promise<readonly Instruction[] | null> {
    const { provider, persons, script } = this.#call;
    const { answer } = await this.#exchange(request, this.#at, ({ body }) =>
      checkDocument(provider.read(body), persons, this.#isAnswered),
    );
    if (script.asksTwice) {
      await this.#exchange(request, this.#at, ({ body }) =>
        body === answer.body ? [] : [{ code: 'answers_differ', words: 'Asked twice, the service gives two answers.' }],
      );
    }
    if (answer.status !== 200 || !provider.mediaType.test(answer.contentType)) {
      this.#finish('failed', `the provider got no document (status ${answer.status}), and ends the call`);
      return null;
    }
    try {
      return provider.read(answer.body);
    } catch (error) {
      this.#finish(
        'failed',
        `the provider cannot take the document: ${error instanceof Error ? error.message : error}`,
      );
      return null;
    }
  }

  /** Does what a document says; the next question where there is one. */
  async #follow(instructions: readonly Instruction[]): Promise<WireRequest | null> {
    const { provider, script } = this.#call;
    for (const instruction of instructions) {
      switch (instruction.kind) {
        case 'hangup':
          this.#sendOff(instruction.rejected && !this.#isAnswered);
          return null;
        case 'connect':
          this.#isAnswered = true;
          this.#tell('caller', 'hears', `extension ${instruction.extension} of the provider's own`);
          this.#at += script.talkSeconds;
          this.#close('caller hangs up', 0);
          this.#finish('extension');
          return null;
        case 'redirect':
          return provider.redirected(instruction.url, instruction.method);
        case 'record':
          // Hipcall's own addresses need none.
          this.#recordingUrl = instruction.callbackUrl;
          break;
        case 'dial':
          await this.#ring(instruction);
          return null;
        case 'gather': {
          const next = this.#answer(instruction);
          if (next !== null || this.#course !== null) return next;
          break;
        }
        default:
          this.#hear('caller', instruction);
      }
    }
    this.#sendOff(false);
    return null;
  }

  #answer(gather: GatherInstruction): WireRequest | null {
    const { provider, script } = this.#call;
    this.#isAnswered = true;
    for (const prompt of gather.prompts) this.#hear('caller', prompt);
    const digits = `${gather.minDigits === gather.maxDigits ? '' : `${gather.minDigits} to `}${gather.maxDigits} digits`;
    this.#tell('caller', 'is asked', `for ${digits}`);
    const entry = this.#entries.shift();
    if (entry === undefined && script.givesUp) {
      this.#close('caller hangs up', 0);
      this.#finish('given up', 'hangs up');
      return null;
    }
    if (entry === undefined) {
      this.#at += gather.patienceSeconds;
      this.#tell('caller', 'keys', 'nothing');
      return provider.answered(gather, '');
    }
    const keyed = collect(entry, gather, script.keysSlowly);
    this.#at += keyed.length * (script.keysSlowly ? (gather.betweenKeysSeconds ?? ONE_KEY) + ONE_KEY : ONE_KEY);
    this.#tell('caller', 'keys', keyed === entry ? entry : `${entry}, of which the provider takes "${keyed}"`);
    return provider.answered(gather, keyed);
  }

  async #ring(dial: DialInstruction): Promise<void> {
    const { script } = this.#call;
    this.#isAnswered = true;
    this.#dial = dial;
    const answeredAt = this.#at;
    const ringingAt = answeredAt + 1;
    this.#at = ringingAt;
    this.#tell('callee', 'rings', dial.numbers.join(', '));
    this.#tell('callee', 'sees', shownBy(dial));
    const base = { answeredAt, dial, ringingAt, recordingUrl: this.#recordingUrl };
    if (script.callee !== 'answers') {
      const isBusy = script.callee === 'busy';
      this.#at += isBusy ? UNTIL_BUSY : (dial.ringSeconds ?? RINGS_AT_MOST);
      this.#course = { ...base, end: isBusy ? 'busy' : 'no answer', bridgedAt: null, endedAt: this.#at };
      this.#finish(isBusy ? 'busy' : 'no answer', isBusy ? 'hears that the line is busy' : 'nobody answers');
      return;
    }
    this.#at += UNTIL_ANSWERED;
    this.#tell('callee', 'answers', 'the call');
    if (dial.calleePlayUrl !== null) await this.#playToCallee(dial.calleePlayUrl);
    const bridgedAt = this.#at;
    const limit = dial.timeLimitSeconds ?? Number.POSITIVE_INFINITY;
    const talk = Math.min(script.talkSeconds, limit);
    this.#tell('both', 'talk', `for ${talk} s${talk < script.talkSeconds ? ', which is the time limit' : ''}`);
    this.#at += talk;
    this.#tell(script.whoHangsUp, 'ends', 'hangs up');
    const end = script.whoHangsUp === 'caller' ? 'caller hangs up' : 'callee hangs up';
    this.#course = { ...base, end, bridgedAt, endedAt: this.#at };
    this.#end = 'talked';
  }

  async #playToCallee(url: string): Promise<void> {
    const { provider, persons } = this.#call;
    const { answer } = await this.#exchange(provider.calleeQuestion(url), this.#at, ({ body }) =>
      checkCalleeDocument(provider.read(body), persons),
    );
    if (answer.status !== 200) return;
    for (const instruction of provider.read(answer.body)) this.#hear('callee', instruction);
  }

  #hear(who: 'caller' | 'callee', instruction: Instruction): void {
    if (who === 'caller') this.#isAnswered = true;
    if (instruction.kind === 'play') this.#tell(who, 'hears', `the sound ${instruction.url}`);
    else if (instruction.kind === 'speak') this.#tell(who, 'hears', `"${instruction.text}"`);
    this.#at += instruction.kind === 'wait' ? instruction.seconds : SOUND;
  }

  #sendOff(isRejected: boolean): void {
    const end = isRejected ? 'rejected' : 'sent off';
    this.#close(end, isRejected ? null : 0);
    this.#finish(end, isRejected ? 'the call is refused before it is answered' : 'the call ends');
  }

  /** Nobody was called. */
  #close(end: Course['end'], answeredAt: number | null): void {
    const nobody = { dial: null, ringingAt: null, bridgedAt: null, recordingUrl: null };
    this.#course = { ...nobody, end, answeredAt, endedAt: this.#at };
  }

  #finish(end: End, words?: string): void {
    this.#end = end;
    if (words !== undefined) this.#tell('caller', 'ends', words);
  }

  async #exchange(
    request: WireRequest,
    at: number,
    check: (answer: Exchanged['answer']) => readonly Fault[] = () => [],
  ): Promise<Exchanged> {
    const { carry, clock, provider } = this.#call;
    const began = clock();
    const answer = await carry(request);
    const milliseconds = Math.round(clock() - began);
    const isDocument = answer.status === 200 && provider.mediaType.test(answer.contentType);
    const exchanged = { request, answer, milliseconds, faults: isDocument ? checked(check, answer) : [] };
    this.#happenings.push({ at, who: 'provider', kind: 'exchange', exchanged });
    return exchanged;
  }

  #tell<Who extends 'caller' | 'callee' | 'both'>(
    who: Who,
    kind: Extract<Happening, { who: Who }>['kind'],
    words: string,
  ): void {
    this.#happenings.push({ at: this.#at, who, kind, words } as Happening);
  }
}

function checked(check: (answer: Exchanged['answer']) => readonly Fault[], answer: Exchanged['answer']) {
  try {
    return check(answer);
  } catch {
    // What cannot be read is told when it is followed.
    return [];
  }
}
