/** What a document tells its provider to do, one after another. Fields are null where the document says nothing. */
export type Instruction =
  | { readonly kind: 'play'; readonly url: string }
  | { readonly kind: 'speak'; readonly text: string }
  | { readonly kind: 'wait'; readonly seconds: number }
  /** Recording begins when both have answered; `takesMessage` where it would record the caller alone, now. */
  | { readonly kind: 'record'; readonly takesMessage: boolean; readonly callbackUrl: string | null }
  | GatherInstruction
  | DialInstruction
  | { readonly kind: 'connect'; readonly extension: string }
  | { readonly kind: 'redirect'; readonly url: string; readonly method: 'GET' | 'POST' }
  | { readonly kind: 'hangup'; readonly rejected: boolean }
  /** What no provider would follow. */
  | { readonly kind: 'unknown'; readonly name: string };

export interface GatherInstruction {
  readonly kind: 'gather';
  readonly prompts: readonly Instruction[];
  /** Where the digits go: an address, or a variable's name. */
  readonly goesTo: string | null;
  readonly method: 'GET' | 'POST';
  /** False where the document that answers the digits would be ignored. */
  readonly isHeeded: boolean;
  readonly minDigits: number;
  readonly maxDigits: number;
  /** '' where no key ends the entry. */
  readonly finishKey: string;
  readonly validKeys: string;
  readonly patienceSeconds: number;
  /** Between two keys; null where an entry may take as long as it likes. */
  readonly betweenKeysSeconds: number | null;
}

export interface DialInstruction {
  readonly kind: 'dial';
  /** As the document writes them. */
  readonly numbers: readonly string[];
  /** What the callee's screen shows; `undefined` where the language has no words for it. */
  readonly callerId: string | null | undefined;
  readonly callerName: string | null;
  readonly timeLimitSeconds: number | null | undefined;
  readonly ringSeconds: number | null;
  /** Whose document the callee alone hears after answering. */
  readonly calleePlayUrl: string | null;
  readonly actionUrl: string | null;
  readonly callbackUrl: string | null;
}

/** True for an instruction after which nothing else is done. */
export function isLast({ kind }: Instruction): boolean {
  return kind === 'dial' || kind === 'connect' || kind === 'redirect' || kind === 'hangup';
}

/** What the callee's screen shows, in words. */
export function shownBy({ callerId, callerName }: DialInstruction): string {
  if (callerId === undefined) return "the number that the provider's own account has for such calls";
  if (callerId === null) return "the caller's own number";
  return callerName === null ? callerId : `${callerName}, ${callerId}`;
}
