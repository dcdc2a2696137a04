import { ALL_CALLS_SINCE } from './invariants-edges.ts';

const SUMS = `select session_id, sum(legs) as legs, sum(billed_seconds) as billed, sum(cost) as cost,
  max(coalesce(swept_at, a_ended_at)) as ended_at from calls where is_over and session_id is not null group by 1`;
const OF_A_SESSION = "c.session_id is not null and c.outcome in ('connected', 'placed', 'unplaced')";
const TOLD = (event: string) => `exists (select from callbacks k where k.call_id = c.id and k.event = '${event}')`;

/** What must not be there of calls, see invariants.ts. */
export const CALL_RULES: Readonly<Record<string, string>> = {
  // Of an older one some calls may be deleted, which then are missing in them.
  'I5 a session whose sums are not those of its calls': `select s.id from sessions s left join (${SUMS}) c on c.session_id = s.id
    where s.created_at >= ${ALL_CALLS_SINCE} and ((s.total_calls, s.total_billed_seconds, s.total_amount)
      <> (coalesce(c.legs, 0), coalesce(c.billed, 0), coalesce(c.cost, 0)) or s.last_interaction_at is distinct from c.ended_at)`,
  'I5 a session that counts less than its calls': `select s.id from sessions s join (${SUMS}) c on c.session_id = s.id
    where s.total_calls < c.legs or s.total_billed_seconds < c.billed or s.total_amount < c.cost`,
  'I5 an orphan that counts for a session': "select id from calls where outcome = 'orphan' and session_id is not null",
  // An update may have given the address after the fact.
  'I9 a call that is over, and its app not told': `select c.id from calls c join sessions s on s.id = c.session_id
    where ${OF_A_SESSION} and c.is_over and s.callback_url <> '' and s.modified_at = s.created_at
      and not ${TOLD('SessionPartiesHangup')}`,
  'I9 a callee who answered, and the app not told': `select c.id from calls c join sessions s on s.id = c.session_id
    where ${OF_A_SESSION} and c.b_answered_at is not null and s.callback_url <> '' and s.modified_at = s.created_at
      and not (${TOLD('SessionFirstPartyAnswer')} and ${TOLD('SessionSecondPartyAnswer')})`,
  'I9 an app told of an end that was not': `select c.id from calls c where not c.is_over and ${TOLD('SessionPartiesHangup')}`,
  'I9 an app told of an answer that was not': `select c.id from calls c where c.b_answered_at is null
    and ${TOLD('SessionFirstPartyAnswer')} and ${TOLD('SessionSecondPartyAnswer')}`,
  'I13 a call on a session of another account': `select c.id from calls c join sessions s on s.id = c.session_id
    where c.account_id <> s.account_id`,
};
