import type { DialInstruction, GatherInstruction, Instruction } from './instruction.ts';
import type { WireCredentials, WireRequest } from './wire.ts';

/** A call as its provider has it. */
export interface PretendCall {
  readonly callId: string;
  /** E.164 with `+`; null for a withheld number. */
  readonly from: string | null;
  readonly to: string;
  /** The connection's answer webhook, absolute, with its slash at the end. */
  readonly answerUrl: string;
  readonly credentials: WireCredentials;
  readonly startedAt: Date;
}

/** How a call went after its last document; instants are seconds from its start, null where it came not so far. */
export interface Course {
  readonly end: 'caller hangs up' | 'callee hangs up' | 'busy' | 'no answer' | 'sent off' | 'rejected';
  readonly answeredAt: number | null;
  readonly dial: DialInstruction | null;
  readonly ringingAt: number | null;
  readonly bridgedAt: number | null;
  readonly endedAt: number;
  /** Whom to tell of a recording; null where there is none. */
  readonly recordingUrl: string | null;
}

/** A later webhook, and when it is sent. */
export interface Report {
  readonly at: number;
  readonly request: WireRequest;
}

/** One call at a pretend provider: its language in both directions, and no idea of what the service is for. */
export interface PretendProvider {
  readonly mediaType: RegExp;
  /** @throws Error for a document that the provider would not take. */
  read(document: string): readonly Instruction[];
  firstQuestion(): WireRequest;
  /** Null: nothing is told, and the document goes on behind the question. */
  answered(gather: GatherInstruction, digits: string): WireRequest | null;
  redirected(url: string, method: 'GET' | 'POST'): WireRequest;
  calleeQuestion(url: string): WireRequest;
  reports(course: Course): readonly Report[];
}

/** True where the two talked. */
export function wasBridged({ bridgedAt }: Course): boolean {
  return bridgedAt !== null;
}
