import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { applyBootstrap, BootstrapError, parseBootstrap } from '../../src/service/bootstrap.ts';
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
