import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { api, MAIN, makeSession, OTHER, SUB, startService, type TestService } from '../support/service.ts';

const URL = `/v1/Account/${MAIN.id}/Masking/Simulate/`;
const PHONES = {
  plivo: ['+12025550000', '+12025551111', '+12025559999'],
  hipcall: ['+905320000001', '+905320000002', '+905320000009'],
} as const;

interface Moment {
  readonly who: string;
  readonly kind: string;
  readonly words: string;
  readonly exchange: null | { webhook: string; document: string; reason: string | null; explanation: string | null };
}
interface Told {
  readonly dialect: string;
  readonly end: string;
  readonly dialled: string | null;
  readonly caller_id: string | null;
  readonly leak_check: { passed: boolean; faults: object[] };
  readonly timeline: Moment[];
}

let service: TestService;
const sessions: Record<string, { session_uuid: string; virtual_number: string }> = {};
beforeAll(async () => {
  service = await startService();
  for (const [dialect, [first_party, second_party]] of Object.entries(PHONES)) {
    const pins = {
      is_pin_authentication_required: true,
      first_party_pin: '2741',
      second_party_pin: '9052',
      pin_prompt_play: 'https://a.example/p.mp3',
    };
    const prompts = {
      first_party_play_url: 'https://a.example/1.mp3',
      second_party_play_url: 'https://a.example/2.mp3',
      callback_url: 'http://127.0.0.1:9/events',
    };
    sessions[dialect] = await makeSession(service, { first_party, second_party, ...pins, ...prompts });
  }
});
afterAll(() => service.close());

async function simulated(wish: object): Promise<Told> {
  const { status, body } = await api(service, 'POST', URL, wish);
  expect(status, JSON.stringify(body)).toBe(200);
  return body as unknown as Told;
}
const reasons = ({ timeline }: Told) => timeline.flatMap(({ exchange }) => exchange?.reason ?? []);

describe.each(['plivo', 'hipcall'] as const)('a pretended call over %s', (dialect) => {
  const [first, second, stranger] = PHONES[dialect];
  const to = () => sessions[dialect]?.virtual_number;
  const id = () => sessions[dialect]?.session_uuid;

  it('tells why a party is connected', async () => {
    const told = await simulated({ from: first, to: to() });
    expect(told).toMatchObject({ dialect, end: 'talked', leak_check: { passed: true, faults: [] } });
    expect(told.timeline.find(({ exchange }) => exchange?.webhook === 'answer')?.exchange).toMatchObject({
      reason: 'known_caller',
      explanation: expect.stringContaining(`is the first party of session ${id()}; connected to the second party`),
    });
    expect(told.timeline.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['rings', 'sees', 'answers', 'talk']));
    if (dialect === 'plivo') expect(told.caller_id).toBe(to()?.slice(1));
  });

  it('asks a stranger for the PIN, tells a wrong one from a right one, and shows neither', async () => {
    const told = await simulated({ from: stranger, to: to(), press: ['1111', '2741'] });
    expect(reasons(told)).toEqual(['pin_asked', 'pin_wrong', 'pin_accepted']);
    expect(told.end).toBe('talked');
    // Four digits in a row are now and then part of a random id.
    const text = JSON.stringify(told).replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '…');
    expect(text).not.toMatch(/2741|9052/);
  });

  it('is a silent caller, and one whose number is withheld', async () => {
    const told = await simulated({ from: null, to: to() });
    expect(told.end).toBe('sent off');
    expect(reasons(told).at(-1)).toBe('pin_failed');
  });

  it('shows no real number and no key of the connection', async () => {
    const text = JSON.stringify([
      await simulated({ from: first, to: to(), asks_twice: true }),
      await simulated({ from: stranger, to: to(), press: ['9052'], callee: 'busy' }),
    ]);
    for (const phone of [first, second, stranger]) expect(text).not.toContain(phone.slice(-7));
    expect(text).not.toContain('connection-key');
  });
});

describe('a pretended call', () => {
  it('books nothing at all', async () => {
    const { sql } = service.deps.db;
    const [counted] = await sql`
      select (select count(*) from calls)::int as calls, (select count(*) from callbacks)::int as callbacks,
        (select count(*) from exchanges)::int as exchanges, (select count(*) from pin_budgets)::int as budgets`;
    expect(counted).toEqual({ calls: 0, callbacks: 0, exchanges: 0, budgets: 0 });
  });

  it('is booked on the demo account alone, and shows no key there either', async () => {
    const wish = { from: '+12025550000', to: sessions.plivo?.virtual_number, live: true, talk_seconds: 61 };
    const refused = await api(service, 'POST', URL, wish);
    expect([refused.status, refused.body.error]).toEqual([403, 'Only the demo account may book a pretended call.']);
    await service.deps.db.sql`update accounts set name = 'demo' where id = ${MAIN.id}`;
    const told = await simulated(wish);
    expect(told).toMatchObject({ end: 'talked', leak_check: { passed: true } });
    expect(reasons(told)).toEqual(['known_caller']);
    expect(JSON.stringify(told)).not.toContain('connection-key');
    const stranger = { ...wish, from: '+12025559999', press: ['1111'], gives_up: true };
    expect((await simulated(stranger)).end).toBe('given up');
    const { sql } = service.deps.db;
    expect(
      await sql`
      select outcome, a_ended_at is not null as ended, b_seconds as talked, cardinality(pin_tries) as tries from calls order by reason
    `,
    ).toEqual([
      { outcome: 'connected', ended: true, talked: 61, tries: 0 },
      { outcome: 'asked', ended: true, talked: null, tries: 1 },
    ]);
    const [booked] = await sql`select count(*)::int as callbacks from callbacks`;
    expect(booked?.callbacks).toBeGreaterThan(0);
  });

  it.each([
    ['a number of nobody’s', { from: null, to: '+14155550999' }, 404],
    ['a number of another account', { from: null, to: '+14155550902' }, 404],
    ['what is no phone', { from: 'me', to: '+14155550100' }, 400],
    ['what is no key', { from: null, to: '+14155550100', press: ['x'] }, 400],
    ['no body', {}, 400],
  ])('is refused for %s', async (_what, wish, status) => {
    expect((await api(service, 'POST', URL, wish)).status).toBe(status);
  });

  it('is the main account’s own, for it tells right PINs', async () => {
    const wish = { from: null, to: '+14155550901' };
    const ofSub = `/v1/Account/${SUB.id}/Masking/Simulate/`;
    expect((await api(service, 'POST', ofSub, wish, SUB)).status).toBe(403);
    expect((await api(service, 'POST', URL, wish, OTHER)).status).toBe(404);
    expect((await api(service, 'POST', URL, wish, null)).status).toBe(401);
  });
});
