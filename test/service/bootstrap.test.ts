import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { applyBootstrap, BootstrapError, parseBootstrap } from '../../src/service/bootstrap.ts';
import { findConnection } from '../../src/store/providers.ts';
import { api, makeSession, startService, type TestService } from '../support/service.ts';

const LATER = { id: 'MACCCCCCCCCCCCCCCCCC', token: 'later-token' };
const LATER_NUMBERS = `/v1/Account/${LATER.id}/Number/`;

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

const apply = (number: string) =>
  applyBootstrap(
    service.deps,
    parseBootstrap(
      JSON.stringify({
        accounts: [{ auth_id: LATER.id, auth_token: LATER.token, name: 'later' }],
        providers: [{ key: 'a-connection-made-later', account: LATER.id, dialect: 'plivo' }],
        numbers: [{ number, account: LATER.id, provider: 'a-connection-made-later' }],
      }),
    ),
  );

describe('a bootstrap file on a store that was used before', () => {
  it('moves a number that nothing holds to the account that it declares, and says so again without change', async () => {
    for (let i = 0; i < 2; i++) {
      await apply('+14155550100');
      const { body } = await api(service, 'GET', LATER_NUMBERS, undefined, LATER);
      expect(body).toMatchObject({ meta: { total_count: 1 }, objects: [{ number: '14155550100' }] });
    }
  });

  it('leaves a number to the sessions that hold it, and names it', async () => {
    const held = await makeSession(service, { first_party: '+12025550001', second_party: '+12025550002' });
    await expect(apply(held.virtual_number)).rejects.toThrow(BootstrapError);
    await expect(apply(held.virtual_number)).rejects.toThrow(`The number ${held.virtual_number} is held`);
  });
});

describe('a connection in the bootstrap file', () => {
  const KEY = 'a-connection-that-places-calls';
  const file = (provider: object) =>
    parseBootstrap(
      JSON.stringify({
        accounts: [{ auth_id: LATER.id, auth_token: LATER.token, name: 'later' }],
        providers: [{ key: KEY, account: LATER.id, dialect: 'plivo', ...provider }],
        numbers: [],
      }),
    );
  const found = async (provider: object) => {
    await applyBootstrap(service.deps, file(provider));
    return findConnection(service.deps.db, service.deps.vault, KEY);
  };

  it('says who we are at Plivo, where its API is, and in what it bills; told anew, it forgets what was told before', async () => {
    const told = { auth_id: 'SAPLIVOPLIVOPLIVO000', api_url: 'http://10.0.0.7:8080/v1/', currency: 'EUR' };
    expect(await found(told)).toMatchObject({
      currency: 'EUR',
      secrets: { authId: 'SAPLIVOPLIVOPLIVO000', apiUrl: 'http://10.0.0.7:8080/v1', currency: 'EUR' },
    });
    expect(await found({})).toMatchObject({ currency: 'USD', secrets: { key: KEY } });
    expect((await found({}))?.secrets).toEqual({ key: KEY });
  });

  it.each([
    ['auth_id', 'MAtooshort'],
    ['auth_id', 'MAPLIVO/../PLIVO0000'],
    ['api_url', 'ftp://plivo.example/v1'],
    ['api_url', '/v1'],
    ['currency', 'euro'],
  ])('is refused with the %s %s', (field, value) => {
    expect(() => file({ [field]: value })).toThrow(`providers.0.${field}: `);
  });

  it('bills in a currency of its own also where it speaks Hipcall, which has no calls to place', () => {
    const hipcall = { dialect: 'hipcall', username: 'u', password: 'p', currency: 'TRY' };
    expect(file(hipcall).providers[0]).toMatchObject({ currency: 'TRY' });
    expect(() => file({ ...hipcall, auth_id: 'MAPLIVOPLIVOPLIVO000' })).toThrow(BootstrapError);
  });
});
