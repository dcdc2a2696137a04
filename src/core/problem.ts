/**
 * The closed list of what can go wrong in a request that we understood. `http/problems.ts` maps each to a
 * status and a text; nothing here knows HTTP.
 */
export type Problem =
  | { readonly kind: 'missing'; readonly field: string }
  | { readonly kind: 'invalid'; readonly field: string; readonly rule: string }
  | {
      readonly kind: 'not_found';
      readonly what:
        | 'session'
        | 'number'
        | 'account'
        | 'call'
        | 'recording'
        | 'callback'
        | 'connection'
        | 'paused endpoint'
        | 'subaccount';
    }
  | { readonly kind: 'session_expired' }
  | { readonly kind: 'pool_exhausted' }
  | { readonly kind: 'number_leased' }
  | { readonly kind: 'number_taken' }
  | { readonly kind: 'endpoint_paused' }
  | { readonly kind: 'main_account_only' }
  | { readonly kind: 'demo_account_only' }
  | { readonly kind: 'calls_disabled' }
  | { readonly kind: 'key_in_use' }
  | { readonly kind: 'key_reused' }
  | { readonly kind: 'subaccount_used' }
  | { readonly kind: 'unavailable' };

/** An expected refusal, as a value. */
export interface Refused {
  readonly problem: Problem;
}

export function refused(problem: Problem): Refused {
  return { problem };
}

export function invalid(field: string, rule: string): Refused {
  return { problem: { kind: 'invalid', field, rule } };
}

export function isRefused(result: unknown): result is Refused {
  return typeof result === 'object' && result !== null && 'problem' in result;
}
