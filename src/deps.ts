import type { FastifyBaseLogger } from 'fastify';
import type { Config } from './config.ts';
import type { RandomInt } from './core/pin.ts';
import type { Metrics } from './metrics.ts';
import type { CallbackInput } from './outbound/callback-request.ts';
import type { CallPlacer } from './outbound/place-call.ts';
import type { CallbackOutcome } from './outbound/send-callback.ts';
import type { AuditLog } from './service/audit.ts';
import type { ExchangeLog } from './service/exchanges.ts';
import type { Placer } from './service/placements.ts';
import type { FailureLog } from './service/signature-failures.ts';
import type { Db } from './store/connect.ts';
import type { Vault } from './store/vault.ts';

/** Follows requests. */
export interface RequestTracer {
  /**
   * @param traceparent the caller's trace, as W3C's header has it.
   * @returns what to call with the answer.
   */
  follow(traceparent: string | undefined): (answer: {
    readonly method: string;
    /** Its pattern, never the path that was asked for. */
    readonly route: string;
    readonly status: number;
  }) => void;
}

/** All that verbs and routes may reach. Time, chance and ids are here so that a test can hold them. */
export interface Deps {
  readonly config: Config;
  /** For the API, what providers report, and the jobs. */
  readonly db: Db;
  /** For answer webhooks alone, so that nothing else can keep a caller waiting. */
  readonly answerDb: Db;
  /** For whatever watches the process, so that its figures come in time when the others are busy. */
  readonly watchDb: Db;
  readonly vault: Vault;
  readonly log: FastifyBaseLogger;
  readonly metrics: Metrics;
  /** Null where nobody collects traces. */
  readonly tracer: RequestTracer | null;
  readonly now: () => Date;
  readonly random: RandomInt;
  /** Of version 7, which begins with its time, so that what is made together stands together in indexes. */
  readonly newUuid: () => string;
  /** An id that people carry: letters and digits, unguessable. */
  readonly newKey: () => string;
  /** Calls a customer's address; never rejects. */
  readonly send: (callback: CallbackInput) => Promise<CallbackOutcome>;
  /** To be told wherever callbacks may have been booked, so that nobody waits for the next second. Cheap. */
  readonly callbacksBooked: () => void;
  /** Gives each receiver few callbacks at a time, until what is returned is called. */
  readonly holdCallbacks: () => () => void;
  /** Asks a provider to call somebody, once; never rejects. */
  readonly placeCall: CallPlacer;
  /** Places the calls that sessions have booked. */
  readonly placer: Placer;
  /** Where webhooks leave what they were asked and answered. */
  readonly exchanges: ExchangeLog;
  /** Where webhooks leave those that they refuse. */
  readonly signatureFailures: FailureLog;
  /** Where reads of phones are booked. */
  readonly audit: AuditLog;
}

/** Enough for verbs that ask and change the store alone, which is all that a command line has. */
export type StoreDeps = Pick<Deps, 'config' | 'db' | 'vault' | 'now' | 'random' | 'newUuid' | 'newKey'> & {
  readonly placer: Pick<Placer, 'wake'>;
};
