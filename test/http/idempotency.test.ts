import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { claimKey } from '../../src/store/idempotency.ts';
import { startPair } from '../support/invariants.ts';
import { declared, MAIN, OTHER, SESSIONS, SUB } from '../support/service.ts';

let pair: Awaited<ReturnType<typeof startPair>>;
beforeAll(async () => {
  pair = await startPair(declared({ us: 5, tr: 0 }));
});
afterAll(async () => expect(await pair.settle()).toEqual([]));

let people = 0;
const wish = () => {
  people += 2;
  const phone = (n: number) => `+1202555${String(n).padStart(4, '0')}`;
  return { first_party: phone(people), second_party: phone(people + 1) };
};

interface Sent {
  readonly key?: string | string[];
  readonly as?: typeof MAIN;
  readonly through?: number;
  readonly path?: string;
}

async function post(payload: object, { key, as = MAIN, through = 0, path }: Sent) {
  const answer = await (through === 0 ? pair.instances[0] : pair.instances[1]).app.inject({
    method: 'POST',
    url: path ?? SESSIONS.replace(MAIN.id, as.id),
    headers: {
      authorization: `Basic ${Buffer.from(`${as.id}:${as.token}`).toString('base64')}`,
      ...(key !== undefined && { 'idempotency-key': key as string }),
    },
    payload,
  });
  return {
    status: answer.statusCode,
    body: answer.body,
    replayed: answer.headers['idempotent-replayed'] === 'true',
    id: (JSON.parse(answer.body) as { session_uuid?: string }).session_uuid ?? '',
    error: (JSON.parse(answer.body) as { error?: string }).error,
  };
}

const sessionsWith = async (first: string) => {
  const digest = pair.instances[0].deps.vault.phoneDigest(first as never);
  return (await pair.sql`select id from sessions where first_party_digest = ${digest}`).length;
};

describe('the same key with the same body', () => {
  it('gets the first answer byte for byte, from any instance, in any notation and order of fields', async () => {
    const parties = wish();
    const first = await post(parties, { key: 'a key' });
    expect([first.status, first.replayed]).toEqual([201, false]);
    const { first_party, second_party } = parties;
    for (const sent of [
      { key: 'a key', through: 1 },
      { key: '"a key"' },
      { key: 'a key', path: '/Masking/Session/' },
    ]) {
      const again = await post({ second_party, first_party }, sent);
      expect([again.status, again.replayed, again.body]).toEqual([201, true, first.body]);
    }
    expect(await sessionsWith(first_party)).toBe(1);
  });

  it('a hundred times at the same moment makes one session; the others get its answer, or are told to wait', async () => {
    const parties = wish();
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, i) => post(parties, { key: 'twins', through: i % 2 })),
    );
    expect(await sessionsWith(parties.first_party)).toBe(1);
    const made = answers.filter(({ status }) => status === 201);
    expect(new Set(made.map(({ body }) => body)).size).toBe(1);
    const waiting = answers.filter(({ status }) => status !== 201);
    expect(new Set(waiting.map(({ status, error }) => `${status} ${error}`))).toEqual(
      waiting.length === 0
        ? new Set()
        : new Set(['409 A request with this Idempotency-Key is still running. Try again.']),
    );
  });

  it('as an update gets its first answer too, and the session is changed once', async () => {
    const { id } = await post(wish(), {});
    const path = `${SESSIONS}${id}/`;
    const first = await post({ session_expiry: 600 }, { key: 'update', path });
    const again = await post({ session_expiry: 600 }, { key: 'update', path: path.replace(id, id.toUpperCase()) });
    expect([first.status, again.status, again.body, again.replayed]).toEqual([200, 200, first.body, true]);
  });
});

describe('the same key', () => {
  it('with another body is refused', async () => {
    await post(wish(), { key: 'one body' });
    const other = await post(wish(), { key: 'one body' });
    expect([other.status, other.error]).toEqual([422, 'This Idempotency-Key came with another body before.']);
  });

  it('of another account, or for another session, is another key', async () => {
    const made = await post(wish(), { key: 'mine' });
    for (const as of [OTHER, SUB]) {
      const { status, id } = await post({ ...wish() }, { key: 'mine', as });
      expect(status).toBe(201);
      expect(id).not.toBe(made.id);
    }
    const updates = await Promise.all(
      [await post(wish(), {}), await post(wish(), {})].map(({ id }) =>
        post({ session_expiry: 600 }, { key: 'update both', path: `${SESSIONS}${id}/` }),
      ),
    );
    expect(updates.map(({ status, replayed }) => [status, replayed])).toEqual([
      [200, false],
      [200, false],
    ]);
  });

  it('after a refusal may be sent again, with a body that is right', async () => {
    const refused = await post({ first_party: 'nobody' }, { key: 'corrected' });
    expect(refused.status).toBe(400);
    expect((await post(wish(), { key: 'corrected' })).status).toBe(201);
  });

  it('after a day is a new one', async () => {
    const parties = wish();
    const first = await post(parties, { key: 'yesterday' });
    await pair.sql`update idempotency_keys set claimed_at = claimed_at - interval '25 hours'`;
    const second = await post({ ...parties }, { key: 'yesterday' });
    expect([second.status, second.replayed]).toEqual([201, false]);
    expect(second.id).not.toBe(first.id);
  });
});

describe('a request that died', () => {
  it('after it had made its session leaves it to whoever comes with the key a minute later', async () => {
    const parties = wish();
    const first = await post(parties, { key: 'died' });
    // As if the process had ended before the answer was kept.
    await pair.sql`update idempotency_keys set status = null, answer_cipher = null where resource_id = ${first.id}`;
    expect((await post(parties, { key: 'died' })).status).toBe(409);
    await pair.sql`update idempotency_keys set claimed_at = now() - interval '61 seconds' where resource_id = ${first.id}`;
    const again = await post(parties, { key: 'died' });
    expect([again.status, again.id]).toEqual([201, first.id]);
    expect(await sessionsWith(parties.first_party)).toBe(1);
  });

  it('before it had made anything lets the next one make it', async () => {
    const { deps } = pair.instances[0];
    const body = JSON.stringify([]);
    const request = { accountId: MAIN.id, route: 'POST /Masking/Session/', key: 'nothing', body };
    const claim = (resourceId: string) => claimKey(deps.db, deps.vault, { ...request, resourceId });
    const first = deps.newUuid();
    expect(await claim(first)).toEqual({ kind: 'claimed', resourceId: first, isTakenOver: false });
    expect(await claim(deps.newUuid())).toEqual({ kind: 'running' });
    await pair.sql`update idempotency_keys set claimed_at = now() - interval '61 seconds' where resource_id = ${first}`;
    expect(await claim(deps.newUuid())).toEqual({ kind: 'claimed', resourceId: first, isTakenOver: true });
  });
});

describe('what is kept', () => {
  it('holds no phone, key or answer in clear', async () => {
    const parties = wish();
    await post(parties, { key: 'secret-key-text' });
    const rows = await pair.sql`select * from idempotency_keys`;
    const text = JSON.stringify(rows, (_, value) =>
      value?.type === 'Buffer' ? Buffer.from(value.data).toString('latin1') : value,
    );
    for (const word of ['secret-key-text', parties.first_party.slice(1), 'session_uuid'])
      expect(text).not.toContain(word);
  });
});

describe('a key that is none', () => {
  it.each([[''], ['""'], ['k'.repeat(256)]])('%j is refused', async (key) => {
    const { status, error } = await post(wish(), { key });
    expect([status, error]).toEqual([
      400,
      'Invalid parameter. Idempotency-Key should be one text of 1 to 255 characters.',
    ]);
  });
});
