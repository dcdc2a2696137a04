import type postgres from 'postgres';
import type { CallFacts, CallProgress, PartyOnCall, SessionOnCall } from '../core/call-facts.ts';
import type { CallDirection } from '../core/call-report.ts';
import type { Phone } from '../core/phone.ts';
import type { Side } from '../core/session.ts';
import { selectGuards, selectPinSpent, toGuards } from './call-guards.ts';
import type { Db } from './connect.ts';
import type { GuardsRow } from './policies.ts';
import { sessionSeal } from './session-rows.ts';
import { bytes, jsonRows, shared } from './shared.ts';
import { type StoredSettings, toSettings } from './stored-settings.ts';
import type { Vault } from './vault.ts';

/** Which call is asked about, by whom, and what was keyed, as the digest of a PIN on this number. */
export interface CallQuery {
  readonly providerId: number;
  readonly accountId: string;
  /** Null where the provider names no call: then caller and callee find the latest one. */
  readonly providerCallId: string | null;
  readonly caller: Phone | null;
  readonly virtualNumber: Phone;
  readonly pin: Buffer | null;
  readonly direction: CallDirection;
}

/** The facts of a call, and what the store must know to record a step upon them. */
export interface LoadedCall {
  readonly facts: Omit<CallFacts, 'connection'>;
  readonly virtualNumberId: number;
  /** Null when nothing was heard of the call before, as is `callId`. */
  readonly providerCallId: string | null;
  readonly callId: string | null;
  /** 0 when no step of the call was recorded yet. */
  readonly version: number;
}

// A provider that names no call sends the digits a moment after the question, and its own retries sooner.
const ANONYMOUS_CALL_MINUTES = 10;
const ANONYMOUS_RETRY_SECONDS = 10;

/**
 * Everything the decision needs, in one read: whether the number is ours, how far the call has come, whom
 * the caller's phone and the digits name. Only live sessions are seen, by the database's clock.
 *
 * @returns null where the number is none of the account's.
 */
export const loadCall = shared<CallQuery, LoadedCall | null>({
  run: loadCalls,
  // Requests of one call would all decide upon the same step, and all but one in vain.
  keyOf: ({ providerId, providerCallId }) => (providerCallId === null ? null : `${providerId}:${providerCallId}`),
});

/** The same for several questions, in one statement and in their order. */
export async function loadCalls(db: Db, vault: Vault, queries: readonly CallQuery[]): Promise<(LoadedCall | null)[]> {
  const rows = await readFacts(db, vault, queries);
  return queries.map((query, at) => {
    const row = rows.find((one) => one.at === at);
    return row ? toLoadedCall(vault, query, row) : null;
  });
}

/**
 * Few columns and few places in the plan: PostgreSQL sets up each anew for every statement, which is most of what a
 * statement with one question costs.
 */
function readFacts({ sql }: Db, vault: Vault, queries: readonly CallQuery[]): Promise<readonly FactsRow[]> {
  const wishes = queries.map(({ caller, virtualNumber, pin, ...query }, at) => ({
    at,
    provider_id: query.providerId,
    account_id: query.accountId,
    call_id: query.providerCallId,
    number: virtualNumber,
    caller: caller === null ? null : bytes(vault.phoneDigest(caller)),
    pin: pin && bytes(pin),
    anonymous_key: query.providerCallId === null ? bytes(anonymousKey(vault, { caller, virtualNumber })) : null,
  }));
  const asking = sql`s.id, s.single_party, s.pin_required, s.settings`;
  const needed = sql`${asking}, s.first_party_cipher, s.second_party_cipher, s.last_caller_cipher`;
  const progress = sql`id, provider_call_id, session_id, caller_side, outcome, authenticated, pin_policy, pin_tries, version`;
  const live = sql`s.ended_at is null and s.expires_at > now()`;
  // From the end of their index, one by one until one lives: of a join with the number all would be read and put in order.
  const newest = (kind: postgres.Fragment) => sql`(
    select * from sessions where virtual_number_id = n.id and ended_at is null and ${kind}
    order by created_at desc offset 0) s`;
  // In the order of their index, which passes over those of sessions that are over for longer than their cool-off. Not
  // joined: the planner heeds the limit only where nothing is.
  const pinLength = (order: postgres.Fragment) => sql`(
    select p.length from (
      select length, session_id from pins where virtual_number_id = n.id and held_until > now()
      order by length ${order} offset 0) p
    where (select ${live} from sessions s where s.id = p.session_id) limit 1)`;
  return sql<FactsRow[]>`
    with asked as (
      select * from json_to_recordset(${jsonRows(wishes)}::text::json) as w(at int, provider_id int,
        account_id text, call_id text, number text, caller bytea, pin bytea, anonymous_key bytea)
    )
    select q.at, facts.* from asked q cross join lateral (
      with n as (
        select id, subaccount_id from virtual_numbers where account_id = q.account_id and number = q.number
      ),
      c as (
        select ${progress} from calls where provider_id = q.provider_id and provider_call_id = q.call_id
        union all
        (select ${progress} from calls
         where q.call_id is null and provider_id = q.provider_id
           and anonymous_key = q.anonymous_key
           and started_at > now() - make_interval(mins => ${ANONYMOUS_CALL_MINUTES})
           and (q.pin is not null or (cardinality(pin_tries) = 0
             and decided_at > now() - make_interval(secs => ${ANONYMOUS_RETRY_SECONDS})))
         order by started_at desc limit 1)
      ),
      found as (
        select 'known' as how, l.side, l.session_id from n
        join leases l on l.virtual_number_id = n.id and l.party_digest = q.caller
        union all
        select 'named', p.side, p.session_id from n join pins p on p.virtual_number_id = n.id and p.pin_digest = q.pin
        union all
        select 'booked', caller_side, session_id from c
        union all
        select 'open', l.side, l.session_id from n
        join leases l on l.virtual_number_id = n.id and l.party_digest = ${vault.anyoneDigest}
      )
      select n.id as "numberId",
        (select to_jsonb(c) from c) as call,
        (select jsonb_object_agg(how, to_jsonb(party)) from found f cross join lateral (
          select f.side, ${needed} from (select * from sessions where id = f.session_id offset 0) s where ${live}
        ) party) as parties,
        (select to_jsonb(asker) from (
          select ${asking} from ${newest(sql`pin_required`)} where ${live} limit 1) asker) as asker,
        (select s.settings->>'unknownCallerPlayUrl' from ${newest(sql`has_unknown_caller_play`)}
         where ${live} limit 1) as "announcement",
        ${pinLength(sql`asc`)} as "pinMin",
        ${pinLength(sql`desc`)} as "pinMax",
        ${selectPinSpent(sql, vault, sql`q.caller`)} as "pinSpent",
        ${selectGuards(sql, sql`q.account_id`, sql`n.subaccount_id`)} as guards
      from n
    ) facts`;
}

/** What the ids that we give to calls without one begin with; no provider's id has a colon. */
export const ANONYMOUS = 'anonymous:';

/** What requests of one call share where the provider gives it no id. */
export function anonymousKey(vault: Vault, query: Pick<CallQuery, 'caller' | 'virtualNumber'>): Buffer {
  return vault.secretDigest(`${query.caller ?? ''}>${query.virtualNumber}`);
}

/** A session as `to_jsonb` gives it: ciphertexts as `\x…`, none of the one that asks for a PIN. */
interface SessionJson {
  readonly id: string;
  readonly single_party: boolean;
  readonly pin_required: boolean;
  readonly settings: StoredSettings;
  readonly first_party_cipher?: string | null;
  readonly second_party_cipher?: string | null;
  readonly last_caller_cipher?: string | null;
}

type PartyJson = SessionJson & { readonly side: Side };

interface CallJson {
  readonly id: string;
  readonly provider_call_id: string;
  readonly outcome: CallProgress['outcome'] | 'orphan' | 'placed' | 'unplaced';
  readonly authenticated: boolean;
  readonly pin_policy: Extract<CallProgress, { outcome: 'asked' }>['policy'];
  readonly pin_tries: readonly string[];
  readonly version: number;
}

interface FactsRow {
  readonly at: number;
  readonly numberId: number;
  readonly call: CallJson | null;
  readonly parties: Partial<Record<'known' | 'named' | 'booked' | 'open', PartyJson>> | null;
  readonly asker: SessionJson | null;
  readonly announcement: string | null;
  readonly pinMin: number | null;
  readonly pinMax: number | null;
  readonly pinSpent: CallFacts['pinSpent'];
  readonly guards: GuardsRow | null;
}

function toLoadedCall(vault: Vault, query: CallQuery, row: FactsRow): LoadedCall {
  const party = (json: PartyJson | null = null): PartyOnCall | null =>
    json && { side: json.side, session: toSessionOnCall(vault, json) };
  const { call, parties } = row;
  return {
    virtualNumberId: row.numberId,
    providerCallId: call?.provider_call_id ?? null,
    callId: call?.id ?? null,
    version: call?.version ?? 0,
    facts: {
      virtualNumber: query.virtualNumber,
      caller: query.caller,
      call: toProgress(call),
      known: party(parties?.known),
      named: party(parties?.named),
      booked: party(parties?.booked),
      open: party(parties?.open),
      asker: row.asker && toSessionOnCall(vault, row.asker),
      unknownCallerPlayUrl: row.announcement ?? '',
      pinLengths: row.pinMin !== null && row.pinMax !== null ? { min: row.pinMin, max: row.pinMax } : null,
      pinSpent: row.pinSpent,
      ...toGuards(row.guards),
    },
  };
}

/** A call that was reported or placed before its first question has come nowhere yet. */
function toProgress(call: CallJson | null): CallProgress | null {
  if (call === null) return null;
  const { outcome, authenticated, pin_policy: policy, pin_tries: tries } = call;
  if (outcome === 'orphan' || outcome === 'placed' || outcome === 'unplaced') return null;
  return { outcome, authenticated, policy, tries };
}

/** Phones are opened when they are asked for: most answers need that of the callee alone. */
function toSessionOnCall(vault: Vault, row: SessionJson): SessionOnCall {
  const phone = (column: 'first_party' | 'second_party' | 'last_caller') => {
    const cipher = row[`${column}_cipher`];
    return cipher ? (vault.open(Buffer.from(cipher.slice(2), 'hex'), sessionSeal(column, row.id)) as Phone) : null;
  };
  const settings = toSettings(row.settings);
  return {
    id: row.id,
    parties: {
      get first() {
        return phone('first_party');
      },
      get second() {
        return phone('second_party');
      },
    },
    playUrls: { first: settings.firstPartyPlayUrl, second: settings.secondPartyPlayUrl },
    ringTimeoutSeconds: settings.ringTimeoutSeconds,
    callTimeLimitSeconds: settings.callTimeLimitSeconds,
    recordFormat: settings.record ? settings.recordFormat : null,
    singleParty: row.single_party,
    get lastCaller() {
      return phone('last_caller');
    },
    pinRequired: row.pin_required,
    forcePin: settings.forcePin,
    pinPromptPlayUrl: settings.pinPromptPlayUrl,
    incorrectPinPlayUrl: settings.incorrectPinPlayUrl,
    pinRetry: settings.pinRetry,
    pinRetryWaitSeconds: settings.pinRetryWaitSeconds,
  };
}
