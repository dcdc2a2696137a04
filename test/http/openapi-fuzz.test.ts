import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import fc from 'fast-check';
import { XMLValidator } from 'fast-xml-parser';
import { Pool } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openApiDocument } from '../../src/openapi.ts';
import { type FuzzCase, fuzzCase, type Operation, operationsOf } from '../support/openapi-fuzz.ts';
import { patient } from '../support/patient.ts';
import { OPEN_CONNECTIONS } from '../support/sdk-hostile.ts';
import {
  api,
  HIPCALL_KEY,
  MAIN,
  makeSession,
  OTHER,
  OTHER_KEY,
  PLIVO_KEY,
  SESSIONS,
  SUB,
  startService,
  type TestService,
} from '../support/service.ts';

const RUNS = Number(process.env.FUZZ_RUNS || 3_600);
const SEED = Number(process.env.FUZZ_SEED || 20_261_203);
const AT_ONCE = 4;
const SPARE = '14155550199';

// biome-ignore lint/suspicious/noExplicitAny: a JSON document.
let document: any;
let service: TestService;
let pool: Pool;
const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default(ajv);
const compiled = new Map<object, ValidateFunction>();

beforeAll(async () => {
  document = JSON.parse(JSON.stringify(await openApiDocument()));
  service = await startService({
    bootstrap: {
      ...OPEN_CONNECTIONS,
      accounts: [...OPEN_CONNECTIONS.accounts, { auth_id: CHANGING.id, auth_token: CHANGING.token, name: 'changing' }],
    },
    deps: {
      // Nothing outside is asked by a test.
      send: async () => ({ ok: true, status: 200 }),
      placeCall: async () => ({ kind: 'refused', status: 400 }),
    },
  });
  pool = new Pool(service.url, { connections: AT_ONCE });
});
afterAll(async () => {
  await pool.destroy();
  await service.close();
});

const AUTHORS = {
  main: MAIN,
  sub: SUB,
  other: OTHER,
  // Of an account of its own: after ten of them nobody of that account is let in from here for a while.
  wrong: { id: 'MAZZZZZZZZZZZZZZZZZZ', token: 'wrong' },
  nobody: null,
} as const;
/** Changes its tokens all the time, so that the others stay signed in. */
const CHANGING = { id: 'MACCCCCCCCCCCCCCCCCC', token: 'changing-token-0123456789' };

async function send({ operation, url, who, type, payload }: FuzzCase) {
  const isOfTokens = operation.path.endsWith('/Token/');
  const as = isOfTokens && who === 'main' ? CHANGING : AUTHORS[who];
  const answer = await pool.request({
    method: operation.method as 'GET',
    path: isOfTokens ? url.replace(MAIN.id, CHANGING.id) : url,
    headers: {
      ...(as && { authorization: `Basic ${Buffer.from(`${as.id}:${as.token}`).toString('base64')}` }),
      ...(type !== undefined && { 'content-type': type }),
    },
    body: payload ?? null,
  });
  const text = await answer.body.text();
  return { status: answer.statusCode, type: String(answer.headers['content-type'] ?? ''), text };
}

/** What is wrong with an answer by the operation's own description; null for nothing. */
function faultOf({ operation }: FuzzCase, { status, type, text }: Awaited<ReturnType<typeof send>>): string | null {
  // On a machine that is busy with other things the database may well be too slow to be called ready.
  if (status >= 500 && operation.path !== '/health/ready') return `failed: ${text}`;
  const response = operation.responses[String(status)];
  if (response === undefined) return 'a status that is not documented';
  const [mediaType = ''] = type.split(';');
  if (response.content === undefined) return text === '' ? null : 'a body that is not documented';
  const described = response.content[mediaType];
  if (described === undefined) return `a type that is not documented: ${type}`;
  if (mediaType === 'application/xml') return XMLValidator.validate(text) === true ? null : `broken XML: ${text}`;
  let validate = compiled.get(described.schema);
  if (validate === undefined) {
    validate = ajv.compile({ ...described.schema, components: document.components });
    compiled.set(described.schema, validate);
  }
  return validate(JSON.parse(text)) ? null : `${ajv.errorsText(validate.errors)}: ${text.slice(0, 300)}`;
}

/** What providers send, which the document leaves to their own; all of it goes to each webhook. */
const PROVIDER_VALUES = {
  CallUUID: ['c-0', 'c-1', 'fuzz-1', 'fuzz-2'],
  From: ['12025550110', '12025550111', '12025559999', 'anonymous'],
  To: ['14155550100', '14155550101', '902125550100'],
  Direction: ['inbound', 'outbound'],
  Digits: ['1234', ''],
  Duration: ['0', '60', '86400'],
  BillDuration: ['60'],
  TotalCost: ['0.01000', '0'],
  HangupCauseCode: ['4000', '3010'],
  DialAction: ['answer', 'hangup', 'digits'],
  DialBLegUUID: ['b-0', 'b-17'],
  DialStatus: ['completed', 'busy'],
  RecordingID: ['r-0', 'r-17'],
  RecordUrl: ['https://media.example/r.wav'],
  uuid: ['u-1', 'u-2'],
  caller: ['+905326202911', '05326202911'],
  callee: ['+902125550100', '+902125550101'],
  event: ['call_hangup', 'call_init', 'contact_created'],
};
const REQUIRED = ['CallUUID', 'To', 'RecordingID', 'caller', 'event'];

function asProvidersAsk(operation: Operation): Operation {
  if (!operation.path.startsWith('/answer/{key}/')) return operation;
  const names = Object.keys(PROVIDER_VALUES);
  const properties = Object.fromEntries(names.map((name) => [name, { type: 'string' }]));
  const data = { type: 'object', properties: { uuid: { type: 'string' }, pin_code: { type: 'string' } } };
  const schema = { type: 'object', properties: { ...properties, data }, required: REQUIRED };
  if (operation.method === 'POST')
    return { ...operation, requestBody: { content: { 'application/json': { schema } } } };
  const query = names.map((name) => ({
    name,
    in: 'query',
    required: REQUIRED.includes(name),
    schema: { type: 'string' },
  }));
  return { ...operation, parameters: [...operation.parameters, ...query] };
}

/** Something of everything, so that answers are not empty. @returns what there is, by the name of its parameter. */
async function furnish(): Promise<Record<string, readonly string[]>> {
  const webhook = async (path: string, params: Record<string, string>) => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const payload = new URLSearchParams(params).toString();
    const answer = await service.app.inject({ method: 'POST', url: `/answer/${PLIVO_KEY}/${path}`, headers, payload });
    expect(answer.statusCode).toBe(200);
  };
  const sessions: string[] = [];
  for (let n = 0; n < 16; n++) {
    const wish = { first_party: `+120255501${n + 10}`, second_party: `+120255502${n + 10}`, record: true };
    const made = await makeSession(service, { ...wish, callback_url: `https://app.example/${n}` });
    sessions.push(made.session_uuid);
    const call = {
      CallUUID: `c-${n}`,
      From: `120255501${n + 10}`,
      To: made.virtual_number.slice(1),
      Direction: 'inbound',
    };
    const legB = { CallUUID: `c-${n}`, DialBLegUUID: `b-${n}`, DialAction: 'hangup', DialBLegDuration: '31' };
    await webhook('', call);
    await webhook('dial-callback/', { ...legB, DialBLegBillDuration: '60', DialBLegTotalCost: '0.01' });
    await webhook('record-callback/', {
      ...call,
      RecordingID: `r-${n}`,
      RecordUrl: 'https://m.example/r.mp3',
      RecordingDuration: '31',
    });
    await webhook('hangup/', {
      ...call,
      Duration: '40',
      BillDuration: '60',
      TotalCost: '0.02',
      HangupCauseCode: '4000',
    });
  }
  await api(service, 'DELETE', SESSIONS + sessions.at(-1));
  const subaccounts: string[] = [];
  for (let n = 0; n < 16; n++) {
    const { body } = await api(service, 'POST', `/v1/Account/${MAIN.id}/Subaccount/`, { name: `sub ${n}` });
    subaccounts.push(String((body as { auth_id?: string }).auth_id));
  }
  // On a number of its own no session is made, so it can leave the pool however the others are used.
  const own = await api(service, 'POST', `/v1/Account/${MAIN.id}/Subaccount/`, { name: 'nobody asks for it' });
  const subaccount = (own.body as { auth_id?: string }).auth_id;
  const spare = { numbers: [SPARE], subaccount, provider: PLIVO_KEY };
  expect((await api(service, 'POST', `/v1/Account/${MAIN.id}/Number/`, spare)).status).toBe(201);
  await service.deps.exchanges.flush();
  const idsOf = async (path: string, name: string) => {
    const { body } = await api(service, 'GET', `/v1/Account/${MAIN.id}/${path}`);
    return (body as unknown as { objects: Record<string, string>[] }).objects.flatMap((one) => one[name] ?? []);
  };
  const connections = await service.deps.db.sql`select id from providers where account_id = ${MAIN.id}`;
  return {
    auth_id: [MAIN.id, MAIN.id, SUB.id],
    key: [OTHER_KEY, PLIVO_KEY, HIPCALL_KEY],
    session: sessions,
    subaccount_id: subaccounts,
    session_uuid: sessions,
    side: ['first', 'second'],
    call_uuid: await idsOf('Call/', 'call_uuid'),
    connection_id: connections.map(({ id }) => String(id)),
    callback_id: await idsOf('Masking/Callback/', 'id'),
    recording_id: await idsOf('Recording/', 'recording_id'),
    endpoint: (await idsOf('Masking/Callback/', 'endpoint')).slice(0, 1),
    number: ['14155550100', SPARE, '902125550101'],
    numbers: ['14155551234', '+14155551235,14155551236'],
    provider: [PLIVO_KEY, HIPCALL_KEY],
    first_party: ['+12025550100', '+12025550300', '12025550301', '+905326202911'],
    second_party: ['+12025550200', '+12025550400', '12025550401', '+905326202912'],
    // A time where things are listed, a phone where a call is pretended.
    from: ['2026-01-01 00:00', '+12025550100'],
    to: ['2030-01-01 00:00', '+14155550100'],
    ...PROVIDER_VALUES,
    // A request that waits would keep the test waiting.
    wait: ['0'],
  };
}

describe('any request out of the OpenAPI document', () => {
  it(`gets an answer as the document describes it (${RUNS} requests)`, async () => {
    const known = await furnish();
    for (const [name, values] of Object.entries(known)) expect([name, values.length > 0]).toEqual([name, true]);
    const operations = operationsOf(document);
    const cases = fc.sample(fuzzCase(document, operations.map(asProvidersAsk), known), { numRuns: RUNS, seed: SEED });
    const faults = new Map<string, string>();
    const statuses = new Map<string, number>();
    const judge = async (one: FuzzCase) => {
      const answer = await patient(() => send(one));
      const name = `${one.operation.method} ${one.operation.path} ${answer.status}`;
      statuses.set(name, (statuses.get(name) ?? 0) + 1);
      const fault = faultOf(one, answer);
      if (fault !== null)
        faults.set(
          `${name} ${fault.slice(0, 60)}`,
          `${fault} ${JSON.stringify({ ...one, operation: undefined }).slice(0, 400)}`,
        );
    };
    const waiting = [...cases].reverse();
    const work = async () => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await judge(next);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    expect([...faults].map(([name, fault]) => `${name}: ${fault}`)).toEqual([]);
    // Each operation must have done what it is for, or only refusals have been looked at. A GET has no place for the
    // data of an event.
    const names = operations
      .map(({ method, path }) => `${method} ${path}`)
      .filter((name) => !/^GET .*events/.test(name));
    expect(names.filter((name) => ![...statuses.keys()].some((one) => one.startsWith(`${name} 2`)))).toEqual([]);
    expect((await api(service, 'GET', '/health/ready', undefined, null)).status).toBe(200);
  }, 600_000);
});
