import type { Fault } from './leak-check.ts';
import type { WireAnswer, WireRequest } from './wire.ts';

/** A webhook with its answer. */
export interface Exchanged {
  readonly request: WireRequest;
  readonly answer: WireAnswer;
  readonly milliseconds: number;
  /** What is wrong with the document. */
  readonly faults: readonly Fault[];
}

/**
 * One thing that happens on a line. `at` is in seconds from the dialling, by a clock of the simulator's own: sounds,
 * keys and rings take the time that they take people, and nobody waits for them.
 */
export type Happening = { readonly at: number } & (
  | { readonly who: 'provider'; readonly kind: 'exchange'; readonly exchanged: Exchanged }
  | { readonly who: 'caller'; readonly kind: 'dials' | 'hears' | 'is asked' | 'keys' | 'ends'; readonly words: string }
  | { readonly who: 'callee'; readonly kind: 'rings' | 'sees' | 'hears' | 'answers' | 'ends'; readonly words: string }
  | { readonly who: 'both'; readonly kind: 'talk'; readonly words: string }
);

export type End = 'talked' | 'busy' | 'no answer' | 'sent off' | 'rejected' | 'extension' | 'given up' | 'failed';

export interface Played {
  readonly happenings: readonly Happening[];
  readonly end: End;
  /** Digits alone; null where nobody was called. */
  readonly dialled: string | null;
  /** What the callee's screen shows, as the document writes it; null where it says nothing. */
  readonly shown: string | null;
  readonly faults: readonly Fault[];
}
