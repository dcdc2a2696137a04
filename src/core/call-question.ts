import type { Attestation } from './call-policy.ts';
import type { CallDirection } from './call-report.ts';
import type { Phone } from './phone.ts';

/** What a provider wants to know: who calls which number, and what was keyed. */
export interface CallQuestion {
  /** Outbound: we had the provider call the first party, who is the caller here as well. */
  readonly direction: CallDirection;
  /** The provider's own id of the call; null where the request names none. */
  readonly callId: string | null;
  /** Null for a withheld or unreadable caller number. */
  readonly caller: Phone | null;
  /** Whether the caller's number is theirs, as far as the provider can tell. */
  readonly attestation: Attestation;
  /** The virtual number that was called; null where the request names none. */
  readonly callee: Phone | null;
  /** The digits keyed; '' when the caller was asked and keyed nothing; null when nobody was asked yet. */
  readonly digits: string | null;
  /** Which of our questions the digits answer (see `GatherEnding.tryNumber`); null where unknown. */
  readonly tryNumber: number | null;
}
