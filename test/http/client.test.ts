import { readFileSync } from 'node:fs';
import createClient from 'openapi-fetch';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { paths } from '../../openapi/client.d.ts';
import { MAIN, startService, type TestService } from '../support/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

it('a client that is typed by the OpenAPI document makes, lists and ends a session', async () => {
  const authorization = `Basic ${btoa(`${MAIN.id}:${MAIN.token}`)}`;
  const client = createClient<paths>({ baseUrl: service.url, headers: { authorization } });
  const account = { auth_id: MAIN.id };
  const made = await client.POST('/v1/Account/{auth_id}/Masking/Session/', {
    params: { path: account },
    body: { first_party: '+12025550000', second_party: '+12025551111', session_expiry: 600 },
  });
  if (!made.data) throw new Error(made.error.error);
  const { session_uuid, virtual_number, session } = made.data;
  // What the types say, which `npm run types` checks: a text, a number of seconds, one of three words.
  const shown: [string, number, 'active' | 'in-progress' | 'expired'] = [
    ...[virtual_number, session.duration, session.status],
  ] as const;
  expect(shown).toEqual([expect.stringMatching(/^\+1/), 600, 'active']);

  const listed = await client.GET('/v1/Account/{auth_id}/Masking/Session/', {
    params: { path: account, query: { status: 'active', limit: 5 } },
  });
  expect(listed.data?.response.objects.map((one) => one.session_uuid)).toEqual([session_uuid]);

  const one = { params: { path: { ...account, session_uuid } } };
  const ended = await client.DELETE('/v1/Account/{auth_id}/Masking/Session/{session_uuid}/', one);
  expect(ended.data?.message).toBe('Session expired');
  const again = await client.DELETE('/v1/Account/{auth_id}/Masking/Session/{session_uuid}/', one);
  expect([again.response.status, again.error?.error]).toEqual([400, 'Session already expired']);
});

it('refuses by its types what the API would refuse', () => {
  const client = createClient<paths>({ baseUrl: service.url });
  const wrong = () => [
    // @ts-expect-error there is no such address
    client.GET('/v1/Account/{auth_id}/Masking/Sessions/', { params: { path: { auth_id: MAIN.id } } }),
    client.POST('/v1/Account/{auth_id}/Masking/Session/', {
      params: { path: { auth_id: MAIN.id } },
      // @ts-expect-error seconds are a number
      body: { first_party: '+12025550000', session_expiry: 'soon' },
    }),
  ];
  expect(wrong).toBeTypeOf('function');
});

it('has the types of every route of the document, and of no other', () => {
  const { paths: routes } = JSON.parse(readFileSync('openapi/openapi.json', 'utf8')) as { paths: object };
  const typed = readFileSync('openapi/client.d.ts', 'utf8').split(/^export /m)[1] ?? '';
  const names = [...typed.matchAll(/^ {4}"(\/[^"]*)": \{$/gm)].map(([, name]) => name);
  expect(names.sort(), 'npm run client:types brings them up to date').toEqual(Object.keys(routes).sort());
});
