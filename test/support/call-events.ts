import type { CallReport, LegReport, RecordingReport } from '../../src/core/call-report.ts';
import type { Phone } from '../../src/core/phone.ts';
import { answerCall } from '../../src/service/calls.ts';
import { rememberConnections } from '../../src/service/connections.ts';
import { reportCall } from '../../src/service/reports.ts';
import { PLIVO_KEY, type TestService } from './service.ts';

/** One thing that a provider tells of a call: its question, or a report. */
export type CallEvent = (service: TestService, callId: string) => Promise<unknown>;

export interface PersonsOnCall {
  readonly caller: string;
  readonly virtualNumber: string;
}

const AT = '2026-03-01T10:00:0';

/** The seven things that a provider tells of a call that was connected, recorded and ended by the callee. */
export function connectedCall(persons: PersonsOnCall): Readonly<Record<string, CallEvent>> {
  return {
    answer: answered(persons),
    ring: reported(persons, { legA: { ringingAt: new Date(`${AT}0Z`), startedAt: new Date(`${AT}0Z`) } }),
    dialAnswer: reported(persons, { legB: { legId: 'b', answeredAt: new Date(`${AT}5Z`), rate: '0.01780' } }),
    dialHangup: reported(persons, {
      legB: {
        ...{
          legId: 'b',
          endedAt: new Date(`${AT}9Z`),
          seconds: 31,
          billedSeconds: 60,
          rate: '0.01780',
          cost: '0.01780',
        },
        ...{ hangupCode: 4000, hangupSource: 'Callee' },
      },
    }),
    dialAction: reported(persons, {
      legB: { legId: 'b', ringingAt: new Date(`${AT}3Z`), endedAt: new Date(`${AT}9Z`), hangupCode: 4000 },
    }),
    recording: reported(persons, {
      recording: {
        recordingId: 'r',
        isComplete: true,
        url: 'https://media.example/r.mp3',
        format: 'mp3',
        durationMs: 31_000,
      },
    }),
    hangup: reported(persons, {
      legA: {
        ...{
          startedAt: new Date(`${AT}0Z`),
          answeredAt: new Date(`${AT}1Z`),
          endedAt: new Date(`${AT}9Z`),
          seconds: 38,
        },
        ...{ billedSeconds: 60, rate: '0.00500', cost: '0.00500', hangupCode: 4000, hangupSource: 'Callee' },
      },
    }),
  };
}

/** The provider's question about a call of this caller. */
export function answered({ caller, virtualNumber }: PersonsOnCall): CallEvent {
  return async (service, callId) =>
    answerCall(service.deps, await connectionOf(service), {
      ...{
        callId,
        caller: caller as Phone,
        callee: virtualNumber as Phone,
        attestation: 'unknown',
        digits: null,
        tryNumber: null,
      },
      direction: 'inbound',
    });
}

/** One report; the ids of its leg B and its recording are made the call's own. */
export function reported(
  { caller, virtualNumber }: PersonsOnCall,
  told: { readonly legA?: LegReport; readonly legB?: LegReport; readonly recording?: RecordingReport },
): CallEvent {
  return async (service, callId) => {
    const { legA = {}, legB = {}, recording = null } = told;
    const report: CallReport = {
      ...{ callId, direction: 'inbound', caller: caller as Phone, virtualNumber: virtualNumber as Phone, legA },
      legB: legB.legId === undefined ? legB : { ...legB, legId: `${callId}-${legB.legId}` },
      recording: recording && { ...recording, recordingId: `${callId}-${recording.recordingId}` },
    };
    return reportCall(service.deps, await connectionOf(service), report);
  };
}

async function connectionOf(service: TestService) {
  const connection = await rememberConnections(service.deps)(PLIVO_KEY);
  if (connection === null) throw new Error('no connection');
  return connection;
}

/** Every order of the items. */
export function* permutations<T>(items: readonly T[]): Generator<readonly T[]> {
  if (items.length === 0) yield [];
  for (const [index, item] of items.entries()) {
    const others = items.filter((_, other) => other !== index);
    for (const rest of permutations(others)) yield [item, ...rest];
  }
}
