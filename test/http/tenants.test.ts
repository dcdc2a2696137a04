import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Phone } from '../../src/core/phone.ts';
import { answerCall } from '../../src/service/calls.ts';
import { findConnection } from '../../src/store/providers.ts';
import {
  api,
  declared,
  MAIN,
  OTHER,
  OTHER_KEY,
  PLIVO_KEY,
  SUB,
  startService,
  type TestService,
} from '../support/service.ts';

type Account = typeof MAIN;

const SIBLING: Account = { id: 'SACCCCCCCCCCCCCCCCCC', token: 'sibling-token-0123456789' };
const NOBODY = 'SAZZZZZZZZZZZZZZZZZZ';
const MISSING = {
  session_uuid: '7b1c1c1e-6f0b-4d39-9d6e-0d8f6a1b2c3d',
  call_uuid: '7b1c1c1e-6f0b-4d39-9d6e-0d8f6a1b2c3d',
  callback_id: '7b1c1c1e-6f0b-4d39-9d6e-0d8f6a1b2c3d',
  recording_id: '7b1c1c1e-6f0b-4d39-9d6e-0d8f6a1b2c3d',
  number: '14155559999',
  connection_id: '999999',
  subaccount_id: NOBODY,
};
type Ids = typeof MISSING;
const MALFORMED = ['x', '0', "'", '%00', '%2e%2e', '%F0%9F%93%9E', 'a'.repeat(150)];

/** Every route that asks for credentials, from the API's own description. */
interface Operation {
  readonly method: string;
  readonly path: string;
  readonly param: keyof Ids | null;
}

let service: TestService;
let operations: readonly Operation[];
let ofSub: Ids;
let ofOther: Ids;

beforeAll(async () => {
  const { accounts, ...rest } = declared();
  const sibling = { auth_id: SIBLING.id, auth_token: SIBLING.token, name: 'sibling', parent: MAIN.id };
  service = await startService({ bootstrap: { ...rest, accounts: [...accounts, sibling] } });
  operations = Object.entries(JSON.parse(readFileSync('openapi/openapi.json', 'utf8')).paths as object).flatMap(
    ([path, item]) =>
      Object.entries(item as Record<string, { security?: object[] }>)
        .filter(([, { security }]) => security !== undefined)
        .map(([method]) => ({
          method: method.toUpperCase(),
          path,
          param: (/\{(?!auth_id)(\w+)\}/.exec(path)?.[1] ?? null) as keyof Ids | null,
        })),
  );
  ofSub = await thingsOf(SUB, PLIVO_KEY, '14155550901');
  ofOther = await thingsOf(OTHER, OTHER_KEY, '14155550902');
});
afterAll(() => service.close());

let people = 0;

/** One of everything, made for an account. */
async function thingsOf(account: Account, key: string, number: string): Promise<Ids> {
  const [first, second] = [people++, people++].map((n) => `+1202555${String(1000 + n)}`);
  const wish = { first_party: first, second_party: second, callback_url: 'https://app.example/cb' };
  const made = await api(service, 'POST', `/v1/Account/${account.id}/Masking/Session/`, wish, account);
  expect(made.status).toBe(201);
  const connection = await findConnection(service.deps.db, service.deps.vault, key);
  if (connection === null) throw new Error('no connection');
  const callId = `call-of-${account.id}`;
  await answerCall(service.deps, connection, {
    ...{ callId, caller: first as Phone, callee: `+${number}` as Phone, attestation: 'unknown', direction: 'inbound' },
    ...{ digits: null, tryNumber: null },
  });
  const { sql } = service.deps.db;
  const [call] = await sql<{ id: string; account: string; provider: number }[]>`
    select id, account_id as account, provider_id as provider from calls where provider_call_id = ${callId}`;
  const [callback] = await sql<{ id: string }[]>`select id from callbacks where call_id = ${call?.id ?? null}`;
  const [recording] = await sql<{ id: string }[]>`
    insert into recordings (provider_id, recording_id, provider_call_id, account_id, is_complete)
    values (${call?.provider ?? 0}, ${`recording-${account.id}`}, ${callId}, ${call?.account ?? ''}, true) returning id`;
  return {
    session_uuid: String(made.body.session_uuid),
    call_uuid: callId,
    callback_id: callback?.id ?? '',
    recording_id: recording === undefined ? '' : `recording-${account.id}`,
    number,
    // Its own, or its main account's.
    connection_id: String(connection.id),
    subaccount_id: account === OTHER ? NOBODY : account.id,
  };
}

const credentials = (account: Account) => `Basic ${Buffer.from(`${account.id}:${account.token}`).toString('base64')}`;
const pathOf = ({ path, param }: Operation, accountId: string, ids: Ids, id = param === null ? '' : ids[param]) =>
  path.replace('{auth_id}', accountId).replace(`{${param}}`, id);

/** The answer as it is on the wire, but for the id of the request. */
async function ask({ method }: Operation, url: string, authorization: string | null) {
  await service.deps.db.sql`delete from request_windows`;
  const answer = await service.app.inject({
    method: method as 'GET',
    url,
    headers: authorization === null ? {} : { authorization },
    ...(method === 'POST' && { payload: {} }),
  });
  const { date: _, connection: _c, ...headers } = answer.headers;
  return { status: answer.statusCode, headers, body: answer.body.replace(/"api_id":"[0-9a-f-]{36}"/, '"api_id":""') };
}

const named = () => operations.map((one) => [`${one.method} ${one.path}`, one] as const);

describe('every route', () => {
  it('is in the table', () => {
    expect(operations.length).toBeGreaterThan(35);
    expect(new Set(operations.map(({ param }) => param))).toEqual(new Set([null, ...Object.keys(MISSING)]));
  });

  it('answers who signs in with nothing, a wrong token or a revoked one in the same words, whatever is asked for', async () => {
    const renewed: Account[] = [];
    for (const _ of [1, 2]) {
      const { body } = await api(service, 'POST', `/v1/Account/${SIBLING.id}/Token/`, undefined, MAIN);
      renewed.push({ id: SIBLING.id, token: String((body as unknown as { auth_token: string }).auth_token) });
    }
    const bad = [
      null,
      credentials({ ...SUB, token: 'wrong' }),
      credentials({ ...SUB, token: MAIN.token }),
      credentials(SIBLING),
    ];
    const answers = new Set<string>();
    for (const [, operation] of named()) {
      for (const ids of [ofSub, ofOther, MISSING]) {
        for (const authorization of bad) {
          const { status, body } = await ask(operation, pathOf(operation, SUB.id, ids), authorization);
          answers.add(`${status} ${body}`);
        }
      }
      if (operation.param === null) continue;
      const url = pathOf(operation, SUB.id, MISSING, 'x');
      answers.add(await ask(operation, url, null).then(({ status, body }) => `${status} ${body}`));
    }
    expect([...answers]).toEqual([
      '401 {"api_id":"","error":"Authentication failed: sign in with your auth id and auth token."}',
    ]);
    Object.assign(SIBLING, renewed[1]);
  });

  it('of an account that is another’s, or a sibling’s, answers as that of an account that is not there', async () => {
    for (const [name, operation] of named()) {
      if (!operation.path.includes('{auth_id}')) continue;
      for (const as of [SIBLING, OTHER]) {
        const foreign = await ask(operation, pathOf(operation, SUB.id, ofSub), credentials(as));
        const missing = await ask(operation, pathOf(operation, NOBODY, ofSub), credentials(as));
        expect(foreign, name).toEqual(missing);
        expect(foreign, name).toMatchObject({
          status: 404,
          body: '{"api_id":"","error":"The account was not found."}',
        });
      }
    }
  });

  it('answers an id that is another’s, or a sibling’s, byte for byte as one that is not there', async () => {
    for (const [name, operation] of named()) {
      if (operation.param === null) continue;
      for (const [as, account, theirs] of [
        [SUB, SUB, ofOther],
        [MAIN, MAIN, ofOther],
        [MAIN, SUB, ofOther],
        [SIBLING, SIBLING, ofSub],
        [OTHER, OTHER, ofSub],
      ] as const) {
        const foreign = await ask(operation, pathOf(operation, account.id, theirs), credentials(as));
        const missing = await ask(operation, pathOf(operation, account.id, MISSING), credentials(as));
        // Only the id that was sent itself may differ, where an answer names it.
        const text = ({ body }: typeof foreign, ids: Ids) => body.replaceAll(ids[operation.param ?? 'number'], '…');
        expect([foreign.status, foreign.headers, text(foreign, theirs)], `${name} as ${as.id}`).toEqual([
          missing.status,
          missing.headers,
          text(missing, MISSING),
        ]);
        expect([400, 403, 404], `${name} as ${as.id}`).toContain(foreign.status);
      }
    }
  });

  it('shows what is there to its owner and to its main account, and to nobody else', async () => {
    for (const [name, operation] of named()) {
      if (operation.method !== 'GET' || operation.param === 'subaccount_id') continue;
      for (const [as, account] of [
        [SUB, SUB],
        [MAIN, SUB],
        [MAIN, MAIN],
      ] as const) {
        const { status } = await api(service, 'GET', pathOf(operation, account.id, ofSub), undefined, as);
        // A few things are the main account's alone.
        expect(account === SUB ? [200, 403] : [200], `${name} as ${as.id}`).toContain(status);
      }
    }
  });

  it('answers an id that is none with a refusal, and does nothing', async () => {
    for (const [name, operation] of named()) {
      if (operation.param === null) continue;
      for (const id of MALFORMED) {
        const { status } = await ask(operation, pathOf(operation, MAIN.id, MISSING, id), credentials(MAIN));
        expect([400, 404], `${name} with ${id}`).toContain(status);
      }
    }
  });

  it('has left everything as it was, after all that', async () => {
    for (const [account, ids] of [
      [SUB, ofSub],
      [OTHER, ofOther],
    ] as const) {
      const base = `/v1/Account/${account.id}`;
      const session = await api(service, 'GET', `${base}/Masking/Session/${ids.session_uuid}/`, undefined, account);
      expect(session.body).toMatchObject({ response: { duration: 1800, status: 'in-progress' } });
      expect((await api(service, 'GET', `${base}/Number/${ids.number}/`, undefined, account)).status).toBe(200);
      const callback = await api(service, 'GET', `${base}/Masking/Callback/${ids.callback_id}/`, undefined, account);
      expect(callback.status).toBe(200);
    }
    expect((await api(service, 'GET', `/v1/Account/${MAIN.id}/Subaccount/${SUB.id}/`)).body).toMatchObject({
      enabled: true,
    });
  });
});
