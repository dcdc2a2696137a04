import type { FastifyBaseLogger } from 'fastify';
import type { Config } from './config.ts';
import type { RandomInt } from './core/pin.ts';
import type { CallbackInput } from './outbound/callback-request.ts';
import type { CallPlacer } from './outbound/place-call.ts';
import type { CallbackOutcome } from './outbound/send-callback.ts';
import type { ExchangeLog } from './service/exchanges.ts';
import type { Placer } from './service/placements.ts';
import type { Db } from './store/connect.ts';
import type { Vault } from './store/vault.ts';

/** All that verbs and routes may reach. Time, chance and ids are here so that a test can hold them. */
export interface Deps {
  readonly config: Config;
  /** For the API and the jobs. */
  readonly db: Db;
  /** For answer webhooks alone, so that nothing else can keep a caller waiting. */
  readonly answerDb: Db;
  readonly vault: Vault;
  readonly log: FastifyBaseLogger;
  readonly now: () => Date;
  readonly random: RandomInt;
  readonly newUuid: () => string;
  /** An id that people carry: URL-safe and unguessable. */
  readonly newKey: () => string;
  /** Calls a customer's address; never rejects. */
  readonly send: (callback: CallbackInput) => Promise<CallbackOutcome>;
  /** Asks a provider to call somebody, once; never rejects. */
  readonly placeCall: CallPlacer;
  /** Places the calls that sessions have booked. */
  readonly placer: Placer;
  /** Where webhooks leave what they were asked and answered. */
  readonly exchanges: ExchangeLog;
}
