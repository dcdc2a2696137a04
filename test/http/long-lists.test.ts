import { afterAll, beforeAll, expect, it } from 'vitest';
import { bauta } from '../support/cli.ts';
import { api, MAIN, makeSession, SESSIONS, startService, type TestService } from '../support/service.ts';

// More than are counted beyond a first page of 20.
const SECONDS = 10_050;

let service: TestService;
/** All sessions, the newest first. */
let all: readonly string[] = [];

beforeAll(async () => {
  service = await startService();
  const { sql } = service.deps.db;
  await makeSession(service, { first_party: '+12025550001', second_party: '+12025550002' });
  // Made one a second and all over at the same time, so that their order, expiry and duration are three orders.
  await sql`
    insert into sessions (id, account_id, virtual_number_id, first_party_digest, second_party_digest, pin_required,
      single_party, cooloff_seconds, callback_url, callback_method, has_unknown_caller_play, settings, created_at,
      modified_at, expires_at)
    select gen_random_uuid(), ${MAIN.id}, 1, sha256(n::text::bytea), sha256((-n)::text::bytea), false, false, 0, '', 'POST',
      false, (select settings from sessions), now() - make_interval(secs => n), now(),
      now() + make_interval(hours => 1, secs => n * 7919 % ${SECONDS}::int)
    from generate_series(1, ${SECONDS - 1}::int) n`;
  const rows = await sql<{ id: string }[]>`select id from sessions order by created_at desc, id desc`;
  all = rows.map(({ id }) => id);
}, 60_000);
afterAll(() => service.close());

interface Page {
  readonly meta: { readonly next: string | null; readonly total_count: number };
  readonly objects: readonly { readonly session_uuid: string }[];
}

async function read(path: string): Promise<Page> {
  const { status, body } = await api(service, 'GET', path);
  expect(status).toBe(200);
  return body.response as unknown as Page;
}

const idsOf = ({ objects }: Page) => objects.map(({ session_uuid: id }) => id);

const totalFrom = async (offset: number, filter: string) =>
  (await read(`${SESSIONS}?limit=20&offset=${offset}${filter}`)).meta.total_count;

it.each(['', '&duration__gte=1', '&expiry_time__gt=2020-01-01 00:00&expiry_time__lt=2020-01-02 00:00'])(
  'counts 10 000 beyond the page and no further, with%s',
  async (filter) => {
    const isNobody = filter.includes('2020');
    expect(await totalFrom(0, filter)).toBe(isNobody ? 0 : 10_020);
    expect(await totalFrom(20, filter)).toBe(isNobody ? 0 : 10_040);
    expect(await totalFrom(40, filter)).toBe(isNobody ? 0 : SECONDS);
    expect(await totalFrom(20_000, filter)).toBe(isNobody ? 0 : SECONDS);
  },
);

it('counts 2 000 beyond the page where each one’s calls have to be looked up', async () => {
  expect(await totalFrom(0, '&status=active')).toBe(2_020);
  expect(await totalFrom(SECONDS - 2_060, '&status=active')).toBe(SECONDS - 40);
  expect(await totalFrom(SECONDS - 2_020, '&status=active')).toBe(SECONDS);
  expect(await totalFrom(20_000, '&status=active')).toBe(SECONDS);
});

it('meets every session once, in order, whoever pages by the count or follows next', async () => {
  const met: string[] = [];
  let path: string | null = `${SESSIONS}?limit=20`;
  for (let [offset, total] = [0, 1]; offset < total; offset += 20) {
    const page: Page = await read(path ?? '');
    met.push(...idsOf(page));
    total = page.meta.total_count;
    path = page.meta.next;
    expect(path === null).toBe(offset + 20 >= total);
  }
  expect(met).toEqual(all);
}, 120_000);

const YESTERDAY = new Date(Date.now() - 86_400_000).toISOString().slice(0, 19);

it.each(['status=active', 'duration__gte=1', `expiry_time__gt=${YESTERDAY}`])(
  'goes on in one order where it is counted to the end, with %s',
  async (filter) => {
    for (const offset of [0, 20, 40, 60, SECONDS - 20]) {
      const page = await read(`${SESSIONS}?limit=20&offset=${offset}&${filter}`);
      expect(idsOf(page)).toEqual(all.slice(offset, offset + 20));
    }
  },
);

it('says at the command line that there may be more', async () => {
  const list = (...more: string[]) => bauta(service, 'sessions', 'list', '--account', MAIN.id, '--limit', '1', ...more);
  expect((await list()).out).toContain('1 of 10001 or more.');
  expect((await list('--offset', '100')).out).toContain(`1 of ${SECONDS}.`);
  expect((await list('--status', 'active')).out).toContain('1 of 2001 or more.');
}, 60_000);

it('counts sessions with a call that is running as far as active ones, and shows the newest of them', async () => {
  const { sql } = service.deps.db;
  // Each session has one, and some have two.
  await sql`
    insert into calls (id, provider_id, provider_call_id, account_id, virtual_number_id, session_id, outcome, reason,
      authenticated, pin_tries, version, overdue_at)
    select gen_random_uuid(), (select id from providers limit 1), 'running-' || n || s.id, s.account_id,
      s.virtual_number_id, s.id, 'connected', 'known_caller', false, '{}', 1,
      now() + interval '1 hour'
    from sessions s, generate_series(1, 2) n where n = 1 or s.id::text like '%0'`;
  const list = (offset: number) => read(`${SESSIONS}?limit=20&offset=${offset}&status=in-progress`);
  for (const [offset, total] of [
    [0, 2_020],
    [SECONDS - 2_060, SECONDS - 40],
    [SECONDS - 2_020, SECONDS],
    [SECONDS - 20, SECONDS],
  ] as const) {
    const page = await list(offset);
    expect(page.meta.total_count).toBe(total);
    expect(idsOf(page)).toEqual(all.slice(offset, offset + 20));
  }
  // Of those that are over in between none is shown.
  await sql`
    update calls set a_ended_at = now()
    where session_id in (select id from sessions order by created_at desc limit 100)`;
  expect((await list(SECONDS - 2_000)).meta.total_count).toBe(SECONDS - 100);
  expect(idsOf(await list(0))).toEqual(all.slice(100, 120));
  expect((await read(`${SESSIONS}?status=active`)).meta.total_count).toBe(100);
}, 60_000);
