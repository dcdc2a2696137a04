import { isDemo, type Scope } from '../core/account.ts';
import { loggedFields } from '../core/exchange.ts';
import { maskPhone, type Phone } from '../core/phone.ts';
import { invalid, type Refused, refused } from '../core/problem.ts';
import type { Side } from '../core/session.ts';
import type { Deps } from '../deps.ts';
import type { Dialect } from '../dialects/dialect.ts';
import { hipcallProvider } from '../simulator/hipcall-provider.ts';
import type { Fault } from '../simulator/leak-check.ts';
import { playCall } from '../simulator/phone-call.ts';
import { plivoProvider } from '../simulator/plivo-provider.ts';
import type { Script } from '../simulator/script.ts';
import type { End, Happening } from '../simulator/timeline.ts';
import type { Carry, WireAnswer, WireRequest } from '../simulator/wire.ts';
import { findAccount } from '../store/accounts.ts';
import { type Connection, connectionOfNumber } from '../store/providers.ts';
import { calleePlay } from './calls.ts';
import { type DryDecision, dryCall } from './dry-call.ts';

export type { Carry };

export interface SimulationWish {
  /** Null for a withheld number. */
  readonly from: Phone | null;
  readonly to: Phone;
  readonly script: Script;
  /** Takes requests to the service's own door, where they are booked; null to book nothing. */
  readonly door: Carry | null;
}

/** One thing that happens; phones are masked and keys counted. `at` is in seconds from the dialling. */
export interface SimulatedMoment {
  readonly at: number;
  readonly who: Happening['who'];
  readonly kind: Happening['kind'];
  readonly words: string;
  readonly exchange: {
    readonly webhook: string;
    readonly fields: Readonly<Record<string, unknown>>;
    readonly status: number;
    readonly document: string;
    /** Null for what asks nothing. */
    readonly decision: Pick<DryDecision, 'reason' | 'explanation'> | null;
  } | null;
}

export interface Simulated {
  readonly dialect: string;
  readonly end: End;
  /** Masked; null where nobody was called. */
  readonly dialled: string | null;
  /** What the callee's screen shows; null where nobody was called or the document has no word for it. */
  readonly shown: string | null;
  readonly faults: readonly Fault[];
  readonly timeline: readonly SimulatedMoment[];
}

/** Who pretends to be the provider of which dialect. */
export const PROVIDERS: Readonly<Record<string, typeof plivoProvider>> = {
  plivo: plivoProvider,
  hipcall: hipcallProvider,
};

/**
 * Plays a call to a number of the account, from the dialling to the last webhook. Without a door it books nothing: the
 * documents are those that the provider would get. It tells whether a PIN is right, and is for a main account alone;
 * through the door for the demo account alone, whose totals are nobody's bill.
 *
 * @param dialectNamed the language of a connection.
 */
export async function simulate(
  deps: Deps,
  dialectNamed: (name: string) => Dialect | null,
  scope: Scope,
  { from, to, script, door }: SimulationWish,
): Promise<Simulated | Refused> {
  if (scope.subaccountId !== null) return refused({ kind: 'main_account_only' });
  const account = door && (await findAccount(deps.db, scope.accountId));
  if (account !== null && !isDemo(account)) return refused({ kind: 'demo_account_only' });
  const connection = await connectionOfNumber(deps.db, deps.vault, scope.accountId, to);
  if (connection === null) return refused({ kind: 'not_found', what: 'number' });
  const dialect = dialectNamed(connection.dialect);
  const provider = PROVIDERS[connection.dialect];
  if (dialect === null || provider === undefined) return invalid('to', 'is called over a connection without simulator');
  const answers = `${deps.config.publicUrl}/answer`;
  // Not the connection's own key where nobody checks it: whoever has it can ask as the provider does.
  const answerUrl = `${answers}/${door ? connection.secrets.key : 'key'}`;
  const decide = dryCall(deps, connection);
  const decisions = new Map<WireAnswer, DryDecision>();
  const others: Phone[] = [];
  const played = await playCall({
    provider: provider({
      ...{ callId: deps.newUuid(), from, to, answerUrl: `${answerUrl}/`, startedAt: deps.now() },
      credentials: door ? connection.secrets : {},
    }),
    persons: { caller: from, virtualNumber: to, others },
    script,
    clock: () => deps.now().getTime(),
    carry: async (request) => {
      if (door && request.webhook !== 'answer') return door(request);
      const answered = (body: string): WireAnswer => ({ status: 200, contentType: dialect.contentType, body });
      if (request.webhook === 'callee-play') return answered(await calleeDocument(deps, dialect, connection, request));
      if (request.webhook !== 'answer') return answered(dialect.reportDocument);
      const question = dialect.parse(arrived(request), connection.defaultCountry);
      if ('malformed' in question) return { status: 400, contentType: 'application/json', body: '' };
      const decision = await decide(question);
      others.push(...(decision.phones as Phone[]).filter((phone) => !others.includes(phone)));
      const answer = door ? await door(request) : answered(dialect.render(decision.plan, { answerUrl }));
      decisions.set(answer, decision);
      return answer;
    },
  });
  const dialled = played.dialled === null ? null : (`+${played.dialled}` as Phone);
  const hide = masker([from, dialled, ...others], to);
  const mask = (text: string) => hide(text.replaceAll(answerUrl, `${answers}/key`));
  return {
    dialect: connection.dialect,
    end: played.end,
    dialled: dialled && maskPhone(dialled),
    shown: played.shown && mask(played.shown),
    faults: played.faults,
    timeline: played.happenings.map((one) => momentOf(one, mask, decisions)),
  };
}

function arrived({ method, url, headers, fields }: WireRequest) {
  return { method, url, headers, query: Object.fromEntries(new URL(url).searchParams), body: fields };
}

async function calleeDocument(deps: Deps, dialect: Dialect, connection: Connection, { url }: WireRequest) {
  const [, session = '', side] = /callee-play\/([^/]+)\/(first|second)/.exec(url) ?? [];
  return dialect.renderCalleePlay?.(await calleePlay(deps, connection, session, side as Side)) ?? '';
}

function momentOf(one: Happening, mask: (text: string) => string, decisions: ReadonlyMap<WireAnswer, DryDecision>) {
  const { at, who, kind } = one;
  if (one.kind !== 'exchange') {
    const words = one.kind === 'keys' ? one.words.replace(/[\d*#]/g, '•') : mask(one.words);
    return { at, who, kind, words, exchange: null };
  }
  const { request, answer } = one.exchanged;
  const { webhook } = request;
  const decision = decisions.get(answer) ?? null;
  const fields = JSON.parse(mask(JSON.stringify(loggedFields(webhook, request.fields))));
  const exchange = { webhook, fields, status: answer.status, document: mask(answer.body), decision };
  const words = decision?.explanation ?? (webhook === 'callee-play' ? 'what the callee alone hears' : 'a report');
  return { at, who, kind, words, exchange };
}

// So many of a number's last digits tell it.
const LEAST_TELLING = 7;

/** Hides real numbers wherever they stand, the virtual one excepted. */
function masker(phones: readonly (Phone | null)[], virtualNumber: Phone): (text: string) => string {
  const real = phones.filter((phone) => phone !== null).filter((phone) => phone !== virtualNumber);
  return (text) =>
    real.reduce(
      (left, phone) =>
        left
          .replaceAll(phone, maskPhone(phone))
          .replaceAll(phone.slice(1), maskPhone(phone).slice(1))
          .replaceAll(phone.slice(-LEAST_TELLING), '…'),
      text,
    );
}
