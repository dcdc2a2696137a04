import type { CallQuestion } from '../core/call-question.ts';
import type { CallReport } from '../core/call-report.ts';
import type { Country } from '../core/phone.ts';
import type { CallPlan } from '../core/plan.ts';

/** A webhook as it arrived, after its body was parsed and before anybody believed it. */
export interface WebhookRequest {
  readonly method: 'GET' | 'POST';
  /** The address as the provider was told it: PUBLIC_URL, path and raw query. */
  readonly url: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly query: Readonly<Record<string, unknown>>;
  /** The parsed form or JSON body; undefined where there was none. */
  readonly body: unknown;
}

/** What a connection and its provider share to know each other; which are set depends on the dialect. */
export interface Credentials {
  readonly authToken?: string;
  readonly username?: string;
  readonly password?: string;
}

/** A request that is not of the dialect: `field` is the provider's own name of what is wrong. */
export interface MalformedRequest {
  readonly malformed: { readonly field: string; readonly rule: string };
}

/** The addresses a document points back to. */
export interface Addresses {
  /** The connection's answer webhook, absolute, without query. */
  readonly answerUrl: string;
}

/** What a provider reports to, beside the answer webhook: the last part of the address. */
export const WEBHOOKS = [
  'ring',
  'hangup',
  'dial-action',
  'dial-callback',
  'record-action',
  'record-callback',
  'events',
] as const;

export type WebhookName = (typeof WEBHOOKS)[number];

/** One provider's call-control language. Pure: no I/O, no clock, no chance. */
export interface Dialect {
  readonly name: string;
  /** The media type of its documents. */
  readonly contentType: string;
  /** True when the request comes from whoever holds the connection's credentials. Constant time. */
  authenticate(request: WebhookRequest, credentials: Credentials): boolean;
  parse(request: WebhookRequest, defaultCountry: Country | null): CallQuestion | MalformedRequest;
  /** The whole document. */
  render(plan: CallPlan, addresses: Addresses): string;
  /**
   * The document that the callee alone hears after answering (see `DialEnding.calleePlay`); null url plays
   * nothing. A dialect that cannot do this has none.
   */
  readonly renderCalleePlay: ((url: string | null) => string) | null;
  /** Those of its provider. */
  readonly webhooks: readonly WebhookName[];
  /** As `authenticate`, for a report. */
  authenticateReport(request: WebhookRequest, credentials: Credentials): boolean;
  /** Null: there is nothing in it to book. */
  parseReport(
    webhook: WebhookName,
    request: WebhookRequest,
    defaultCountry: Country | null,
  ): CallReport | MalformedRequest | null;
  /** What answers a report: nothing to do. */
  readonly reportDocument: string;
}
