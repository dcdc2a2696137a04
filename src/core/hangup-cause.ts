import type { HangupSource } from './call-report.ts';

/** Why a leg ended. */
export interface HangupCause {
  /** Plivo's number, in which causes are kept. */
  readonly code: number;
  /** Plivo's words. */
  readonly name: string;
  /** The name in Q.850 and FreeSWITCH, where there is one. */
  readonly q850?: string;
}

const UNKNOWN = 'Unknown';

// Code, Plivo's name, then names in Q.850 and FreeSWITCH: the first is the cause's own, the others mean it too.
// Source: Plivo docs, "Hangup causes".
const CAUSES: readonly (readonly [code: number, name: string, ...q850: string[]])[] = [
  [0, UNKNOWN, 'UNSPECIFIED'],
  [1000, 'Canceled', 'ORIGINATOR_CANCEL'],
  [1010, 'Canceled (Out Of Credits)'],
  [1020, 'Canceled (Simultaneous dial limit reached)'],
  [2000, 'Invalid Destination Address', 'INVALID_NUMBER_FORMAT'],
  [2010, 'Destination Out Of Service', 'DESTINATION_OUT_OF_ORDER'],
  [2020, 'Endpoint Not Registered', 'USER_NOT_REGISTERED', 'SUBSCRIBER_ABSENT'],
  [2030, 'Destination Country Barred'],
  [2040, 'Destination Number Barred', 'OUTGOING_CALL_BARRED'],
  [2050, 'Destination Prefix Barred'],
  [2060, 'Loop Detected', 'EXCHANGE_ROUTING_ERROR'],
  [2070, 'Violates Media Anchoring'],
  [3000, 'No Answer', 'NO_ANSWER', 'NO_USER_RESPONSE'],
  [3010, 'Busy Line', 'USER_BUSY'],
  [3020, 'Rejected', 'CALL_REJECTED'],
  [3030, 'Unknown Caller ID'],
  [3040, 'Forbidden', 'BEARERCAPABILITY_NOTAUTH'],
  [3050, 'Unallocated number', 'UNALLOCATED_NUMBER'],
  [3070, 'Request timeout', 'RECOVERY_ON_TIMER_EXPIRE'],
  [3080, 'Internal server error from carrier', 'NORMAL_TEMPORARY_FAILURE'],
  [3090, 'Network congestion from carrier', 'NORMAL_CIRCUIT_CONGESTION', 'SWITCH_CONGESTION'],
  [3100, 'Busy everywhere', 'BUSY_EVERYWHERE'],
  [3110, 'Declined', 'DECLINE'],
  [3120, 'User does not exist anywhere', 'DOES_NOT_EXIST_ANYWHERE'],
  [3130, 'Spam block', 'UNWANTED'],
  [3140, 'DNO Caller ID'],
  [4000, 'Normal Hangup', 'NORMAL_CLEARING', 'NORMAL_UNSPECIFIED'],
  [4010, 'End Of XML Instructions'],
  [4020, 'Multiparty Call Ended'],
  [4030, 'Kicked Out Of Multiparty Call'],
  [4240, 'SIP auth failed'],
  [4250, 'SIP auth timeout'],
  [5000, 'Network Error', 'NETWORK_OUT_OF_ORDER'],
  [5010, 'Internal Error'],
  [5020, 'Routing Error', 'NO_ROUTE_DESTINATION', 'NO_ROUTE_TRANSIT_NET'],
  [5030, 'Concurrency limit'],
  [6000, 'Scheduled Hangup', 'ALLOTTED_TIMEOUT'],
  [6010, 'Ring Timeout Reached', 'PROGRESS_TIMEOUT'],
  [6020, 'Media Timeout', 'MEDIA_TIMEOUT'],
  [7011, 'Error Reaching Answer URL'],
  [7012, 'Error Reaching Action URL'],
  [7013, 'Error Reaching Transfer URL'],
  [7014, 'Error Reaching Redirect URL'],
  [7022, 'Invalid Action URL'],
  [7023, 'Invalid Transfer URL'],
  [7024, 'Invalid Redirect URL'],
  [7032, 'Invalid Method for Action URL'],
  [7033, 'Invalid Method for Transfer URL'],
  [7034, 'Invalid Method for Redirect URL'],
  [8011, 'Invalid Answer XML'],
  [8012, 'Invalid Action XML'],
  [8013, 'Invalid Transfer XML'],
  [8014, 'Invalid Redirect XML'],
  [9000, 'Lost Race', 'LOSE_RACE'],
  [9100, 'Machine Detected'],
  [9110, 'Confirm Key Challenge Failed'],
];

// Plivo's word for each source; what else means it stands behind. The sweep is none of Plivo's.
const SOURCES: Readonly<Record<HangupSource, readonly [word: string, ...others: string[]]>> = {
  Caller: ['Caller'],
  Callee: ['Callee', 'Call recipient'],
  Provider: ['Plivo'],
  Carrier: ['Carrier'],
  'API Request': ['API Request'],
  'Answer XML': ['Answer XML'],
  Error: ['Error'],
  Unknown: [UNKNOWN],
  Bauta: ['Bauta'],
};

const byCode = new Map(CAUSES.map(([code, name, q850]) => [code, { code, name, ...(q850 && { q850 }) }]));
const codes = new Map(CAUSES.flatMap(([code, ...names]) => names.map((name) => [name, code])));
const sources = new Map(
  Object.entries(SOURCES).flatMap(([source, words]) => words.map((word) => [word, source as HangupSource])),
);

/** The cause of that number; one that we do not know keeps its number and is called Unknown. */
export function hangupCause(code: number): HangupCause {
  return byCode.get(code) ?? { code, name: UNKNOWN };
}

/** The code of a cause by its name, be it Plivo's or that of Q.850 and FreeSWITCH; 0 for one that we do not know. */
export function hangupCodeOf(name: string): number {
  return codes.get(name) ?? 0;
}

/** Who ended a leg, from Plivo's word; Unknown for one that we do not know. */
export function hangupSourceOf(word: string): HangupSource {
  return (word === 'Bauta' ? undefined : sources.get(word)) ?? UNKNOWN;
}

/** Plivo's word for who ended a leg. */
export function hangupSourceWord(source: HangupSource): string {
  return SOURCES[source][0];
}
