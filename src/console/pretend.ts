/** A call as it is answered by the pretending endpoint. */
export interface Simulated {
  readonly end: string;
  readonly dialled: string | null;
  readonly caller_id: string | null;
  readonly leak_check: { readonly passed: boolean; readonly faults: readonly { readonly words: string }[] };
  readonly timeline: readonly Moment[];
}

export interface Moment {
  readonly at: number;
  readonly who: 'provider' | 'caller' | 'callee' | 'both';
  readonly kind: string;
  readonly words: string;
  readonly exchange: { readonly explanation: string | null } | null;
}

/** Where a call stands while two people are at its phones. */
export type Stage = 'idle' | 'asked' | 'rings' | 'talks' | 'ended';

/**
 * How far a call has come with so many entries keyed. The endpoint plays calls to their end, with silence for what
 * nobody keyed and an answer at once: what lies behind the first thing that a person does is not shown yet.
 */
export function standing(call: Simulated, entries: number): { stage: Stage; until: number } {
  const asked = call.timeline.flatMap(({ kind }, index) => (kind === 'is asked' ? [index] : []));
  const open = asked[entries];
  if (open !== undefined) return { stage: 'asked', until: open + 1 };
  const answered = call.timeline.findIndex(({ who, kind }) => who === 'callee' && kind === 'answers');
  if (answered >= 0) return { stage: 'rings', until: answered };
  return { stage: 'ended', until: call.timeline.length };
}

/** What is said of a call until that moment, for one side. */
export function heardBy(call: Simulated, side: 'caller' | 'callee' | 'provider', until: number): readonly string[] {
  return call.timeline
    .slice(0, until)
    .filter(({ who }) => who === side)
    .filter(({ exchange }) => exchange === null || exchange.explanation !== null)
    .map(({ kind, words, exchange }) => exchange?.explanation ?? (kind === 'dials' ? words : `${kind} ${words}`));
}
