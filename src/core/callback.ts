import type { Phone } from './phone.ts';
import type { HttpMethod } from './session.ts';

/** What we tell an app about, by its name on the wire. */
export type CallbackEvent = 'SessionTimeout' | 'SessionPinAuthenticationStatus';

/** One fact to tell an app. It is written with the fact and never changes, so every attempt says the same. */
export interface Callback {
  /** Stable for life: the receiver's key against duplicates. */
  readonly id: string;
  readonly event: CallbackEvent;
  readonly sessionId: string;
  readonly virtualNumber: Phone;
  /** The phone that called; null for an event without a call, and for a withheld number. */
  readonly caller: Phone | null;
  /** Increases with each callback of a session, from 1. */
  readonly sequence: number;
  readonly occurredAt: Date;
  readonly details: { readonly pinStatus?: string; readonly pinRetryCounter?: number };
  readonly url: string;
  readonly method: HttpMethod;
}

/**
 * The attributes of a callback in Plivo's words. Numbers are without `+`, as in Plivo's voice webhooks.
 *
 * @returns pairs in a fixed order; attributes that the event does not have are left out.
 */
export function callbackParams(callback: Callback): readonly (readonly [string, string])[] {
  const params: [string, string][] = [
    ['EventName', callback.event],
    ['EventTimestamp', wireInstant(callback.occurredAt)],
    ['SessionUUID', callback.sessionId],
    ['VirtualNumber', callback.virtualNumber.slice(1)],
    ['SequenceNumber', String(callback.sequence)],
  ];
  if (callback.caller !== null) params.push(['From', callback.caller.slice(1)]);
  const { pinStatus, pinRetryCounter } = callback.details;
  if (pinStatus !== undefined) params.push(['PinAuthenticationStatus', pinStatus]);
  if (pinRetryCounter !== undefined) params.push(['PinRetryCounter', String(pinRetryCounter)]);
  return params;
}

/** `2024-05-29 04:47:49`, UTC: the form of Plivo's voice webhooks. */
function wireInstant(at: Date): string {
  return at.toISOString().slice(0, 19).replace('T', ' ');
}
