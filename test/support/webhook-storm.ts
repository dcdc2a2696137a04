import { signPlivoV3 } from '../../src/core/plivo-v3.ts';
import { PLIVO_KEY, PLIVO_TOKEN, type TestService } from './service.ts';

let nonce = 0;

/** Sends a webhook as Plivo does, signed, without a socket. @returns the status. */
export async function plivoWebhook(
  service: TestService,
  path: string,
  params: Record<string, string>,
): Promise<number> {
  const url = `/answer/${PLIVO_KEY}/${path}`;
  nonce += 1;
  const signed = {
    method: 'POST',
    url: service.deps.config.publicUrl + url,
    params,
    nonce: `n${nonce}`,
    token: PLIVO_TOKEN,
  } as const;
  const answer = await service.app.inject({
    method: 'POST',
    url,
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'x-plivo-signature-v3': signPlivoV3(signed),
      'x-plivo-signature-v3-nonce': signed.nonce,
    },
    payload: new URLSearchParams(params).toString(),
  });
  return answer.statusCode;
}

/** What Plivo tells of a call's end: of leg B by its dial callback, of leg A by its hangup. */
export function endOfCall(
  call: StormCall,
): Record<'dial-callback/' | 'hangup/' | 'dial-answer', Record<string, string>> {
  const leg = {
    CallUUID: call.id,
    DialALegUUID: call.id,
    DialBLegUUID: `${call.id}-b`,
    DialBLegPosition: '1',
    DialBLegBillRate: '0.01781',
  };
  return {
    'dial-answer': { ...leg, DialAction: 'answer', Event: 'DialAnswer', DialBLegStatus: 'answer' },
    'dial-callback/': {
      ...{
        ...leg,
        DialAction: 'hangup',
        Event: 'DialHangup',
        DialBLegStatus: 'hangup',
        DialBLegHangupCauseCode: '4000',
      },
      ...{
        DialBLegHangupCause: 'NORMAL_CLEARING',
        DialBLegHangupCauseName: 'Normal Hangup',
        DialBLegHangupSource: 'Callee',
      },
      ...{
        DialBLegDuration: String(call.seconds),
        DialBLegBillDuration: String(call.billed),
        DialBLegTotalCost: call.costB,
      },
    },
    'hangup/': {
      ...{
        CallUUID: call.id,
        From: call.caller.slice(1),
        To: call.virtualNumber.slice(1),
        Direction: 'inbound',
        Event: 'Hangup',
      },
      ...{ CallStatus: 'completed', SessionStart: '2026-03-01 08:35:10.910772', StartTime: '2026-03-01 14:05:08' },
      ...{
        AnswerTime: '2026-03-01 14:05:09',
        EndTime: '2026-03-01 14:06:23',
        BillRate: '0.005',
        HangupSource: 'Callee',
      },
      ...{ HangupCause: 'NORMAL_CLEARING', HangupCauseCode: '4000', HangupCauseName: 'Normal Hangup' },
      ...{ Duration: String(call.seconds + 5), BillDuration: String(call.billed), TotalCost: call.costA },
    },
  };
}

export interface StormCall {
  readonly id: string;
  readonly caller: string;
  readonly virtualNumber: string;
  readonly seconds: number;
  readonly billed: number;
  /** Exact decimals with five places. */
  readonly costA: string;
  readonly costB: string;
}
