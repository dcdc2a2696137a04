import { expect, test } from 'vitest';
import { expireSessions } from '../../src/service/expiry.ts';
import { eraseOld } from '../../src/service/retention.ts';
import { totalsFaults } from '../../src/store/invariants-totals.ts';
import { connectedCall } from '../support/call-events.ts';
import { startPair } from '../support/invariants.ts';
import { api, declared, MAIN, SESSIONS, type TestService } from '../support/service.ts';

const WORKERS = 10;
const ROUNDS = 8;
const PEOPLE = 12;

test('erasures, calls, creates and ends on two instances at once break nothing and meet in no circle', async () => {
  const pair = await startPair(declared({ us: 8 }));
  const [a, b] = pair.instances;
  const phone = (i: number) => `+1202555${String(6000 + (i % PEOPLE))}`;
  const statuses: number[] = [];
  const ask = async (service: TestService, method: string, path: string, body?: object) => {
    const answer = await api(service, method, path, body);
    statuses.push(answer.status);
    return answer.body as unknown as { session_uuid?: string; virtual_number?: string };
  };
  const erase = (service: TestService, i: number) =>
    ask(service, 'POST', `/v1/Account/${MAIN.id}/Masking/Erasure/`, { number: phone(i) });
  const work = async (worker: number) => {
    for (let round = 0; round < ROUNDS; round++) {
      const [service, other] = worker % 2 === 0 ? [a, b] : [b, a];
      const i = worker * 7 + round * 5;
      const wish = { first_party: phone(i), second_party: phone(i + 1), callback_url: 'https://app.example/cb' };
      const made = await ask(service, 'POST', SESSIONS, { ...wish, virtual_number_cooloff_period: 0 });
      if (made.session_uuid === undefined || made.virtual_number === undefined) continue;
      const events = connectedCall({ caller: phone(i), virtualNumber: made.virtual_number });
      const callId = `call-${worker}-${round}`;
      await Promise.all([
        ...['answer', 'dialAnswer', 'dialHangup', 'hangup'].map((name) => events[name]?.(other, callId)),
        round % 3 === 0 ? erase(service, i) : null,
        round % 3 === 1 ? ask(other, 'DELETE', `${SESSIONS}${made.session_uuid}/?erase=true`) : null,
        round % 3 === 2 ? ask(other, 'DELETE', `${SESSIONS}${made.session_uuid}/`) : null,
        round % 4 === 0 ? expireSessions(service.deps) : null,
        round % 4 === 1 ? eraseOld({ ...service.deps, config: { ...service.deps.config, partyDays: 0 } }) : null,
      ]);
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, (_, worker) => work(worker)));
  for (let i = 0; i < PEOPLE; i++) await erase(a, i);
  await Promise.all(pair.instances.map(({ deps }) => deps.exchanges.flush()));
  expect(statuses.filter((status) => status >= 500)).toEqual([]);
  expect(statuses.filter((status) => status === 201).length).toBeGreaterThan(30);
  const digests = await pair.sql`
    select (select count(*)::int from sessions where num_nonnulls(first_party_digest, second_party_digest,
        first_party_cipher, second_party_cipher, last_caller_cipher) > 0) as sessions,
      (select count(*)::int from calls where num_nonnulls(caller_digest, callee_digest, caller_cipher, callee_cipher) > 0) as calls,
      (select count(*)::int from leases) as leases`;
  expect(digests[0]).toEqual({ sessions: 0, calls: 0, leases: 0 });
  expect(await totalsFaults(pair.sql)).toEqual([]);
  expect(await pair.settle()).toEqual([]);
});
