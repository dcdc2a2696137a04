import { afterAll, beforeAll, expect, test } from 'vitest';
import { NEW_KEY_SECONDS_AHEAD, refreshKeys, resealAll } from '../../src/service/keys.ts';
import { addCipherKey } from '../../src/store/key-ring.ts';
import { resealPage } from '../../src/store/reseal.ts';
import { SEALED_COLUMNS } from '../../src/store/sealed-columns.ts';
import { openedCiphers } from '../support/ciphers.ts';
import { type Pair, startPair } from '../support/invariants.ts';
import { api, declared, HIPCALL_KEY, MAIN, MASTER_KEY, SESSIONS, type TestService } from '../support/service.ts';

const MASTERS = { current: MASTER_KEY, previous: null };
let pair: Pair;

beforeAll(async () => {
  pair = await startPair(declared({ tr: 40 }));
});
afterAll(async () => {
  expect(await pair.settle()).toEqual([]);
});

const phone = (i: number) => `+9053277${String(i).padStart(5, '0')}`;

/** An app and a caller at work: what they do must succeed, whatever becomes of the keys. */
async function useOnce(service: TestService, i: number): Promise<string> {
  const [first, second] = [phone(2 * i), phone(2 * i + 1)];
  const wish = { first_party: first, second_party: second, session_expiry: 600, is_pin_authentication_required: true };
  const made = await api(service, 'POST', SESSIONS, {
    ...{ ...wish, generate_pin: true, pin_prompt_play: 'https://example.com/pin.mp3' },
  });
  const other = pair.instances[i % 2] ?? service;
  const found = await api(other, 'GET', `${SESSIONS}?first_party=${encodeURIComponent(first)}`);
  const answer = await fetch(`${other.url}/answer/${HIPCALL_KEY}/`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Basic ${btoa('hip:call')}` },
    body: JSON.stringify({ caller: second, callee: made.body.virtual_number, uuid: `call-${i}` }),
  });
  const listed = (found.body as { response?: { objects?: { first_party: string }[] } }).response?.objects ?? [];
  const isConnected = (await answer.text()).includes(first.slice(1));
  await api(other, 'DELETE', `${SESSIONS}${made.body.session_uuid}/`);
  return `${made.status} ${listed.map(({ first_party }) => first_party === first.slice(1))} ${isConnected}`;
}

const keys = () => pair.sql<{ id: string }[]>`select id from vault_keys where purpose = 'cipher' order by usable_at`;
const letSeal = (id: string, secondsAgo: number) => pair.sql`
  update vault_keys set usable_at = now() - case id when ${id} then make_interval(secs => ${secondsAgo}) else interval '1 hour' end`;

test('every column with ciphertexts can be sealed anew', async () => {
  const columns = await pair.sql<{ name: string }[]>`
    select table_name || '.' || column_name as name from information_schema.columns
    where table_schema = 'public' and data_type = 'bytea' and column_name not like '%digest'
      and column_name not in ('sealed_key', 'anonymous_key') order by 1`;
  const known = SEALED_COLUMNS.map(({ table, column }) => `${table}.${column}`).sort();
  expect(known).toEqual(columns.map(({ name }) => name).sort());
});

test('creates, look-ups and answers of two instances all work through a rotation, and nothing is left under the former key', async () => {
  const [a, b] = pair.instances;
  await api(a, 'POST', `/v1/Account/${MAIN.id}/Masking/Callback/Secret/`);
  const outcomes: string[] = [];
  let isOver = false;
  const load = Array.from({ length: 6 }, async (_, worker) => {
    for (let i = worker; !isOver; i += 6) outcomes.push(await useOnce(i % 4 < 2 ? a : b, i));
  });
  const some = async () => {
    const seen = outcomes.length;
    while (outcomes.length < seen + 30) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  await some();
  const [former] = await keys();
  const added = await addCipherKey(a.deps.db, MASTERS, NEW_KEY_SECONDS_AHEAD);
  for (const { deps } of [a, b]) {
    await refreshKeys(deps);
    expect([deps.vault.keyId, await resealAll(deps)]).toEqual([former?.id, 0]);
  }
  await letSeal(added, 0);
  await refreshKeys(a.deps); // the other one still seals with the former key, and opens what this one seals
  await some();
  expect([a.deps.vault.keyId, b.deps.vault.keyId]).toEqual([added, former?.id]);
  await refreshKeys(b.deps);
  expect(await resealAll(a.deps)).toBe(0); // not yet sure that nobody seals with the former key
  await letSeal(added, 120);
  const sealedAnew = [0, 0];
  for (let round = 0; round < 100 && (await keys()).length > 1; round++) {
    const done = await Promise.all(pair.instances.map(({ deps }) => resealAll(deps)));
    for (const i of [0, 1]) sealedAnew[i] = (sealedAnew[i] ?? 0) + (done[i] ?? 0);
  }
  await some();
  isOver = true;
  await Promise.all(load);
  await Promise.all(pair.instances.map(({ deps }) => deps.exchanges.flush()));
  expect(new Set(outcomes)).toEqual(new Set(['201 true true']));
  expect(sealedAnew.reduce((sum, n) => sum + n)).toBeGreaterThan(100);
  expect((await keys()).map(({ id }) => id)).toEqual([added]);
  const ciphers = await openedCiphers(pair.sql, MASTERS);
  expect(ciphers.filter(({ keyId }) => keyId !== added)).toEqual([]);
  const tables = new Set(ciphers.map(({ table }) => table));
  for (const name of ['sessions', 'calls', 'exchanges', 'accounts', 'providers', 'signing_secrets', 'vault_checks']) {
    expect(tables).toContain(name);
  }
});

test('what was written between reading and sealing anew is not undone', async () => {
  const { db, vault } = pair.instances[0].deps;
  const column = SEALED_COLUMNS.find(({ column }) => column === 'last_caller_cipher') ?? expect.fail();
  const [row] = await pair.sql<{ id: string }[]>`select id from sessions order by id limit 1`;
  const id = row?.id ?? '';
  const write = async (text: string) => {
    await pair.sql`update sessions set last_caller_cipher = ${vault.seal(text, column.context(id))} where id = ${id}`;
  };
  await write('before');
  const meanwhile = new Proxy(db.sql, {
    apply: (sql, self, args) =>
      String(args[0]).includes('with given')
        ? write('meanwhile').then(() => Reflect.apply(sql, self, args))
        : Reflect.apply(sql, self, args),
  });
  expect(await resealPage({ ...db, sql: meanwhile }, vault, column, '00000000', null, 1)).toMatchObject({ done: 0 });
  const [after] = await pair.sql<{ c: Buffer }[]>`select last_caller_cipher as c from sessions where id = ${id}`;
  expect(vault.open(after?.c ?? expect.fail(), column.context(id))).toBe('meanwhile');
});

test('what an instance that was cut off during a whole rotation has sealed stays readable', async () => {
  const [a, b] = pair.instances;
  const former = b.deps.vault.keyId;
  const added = await addCipherKey(a.deps.db, MASTERS, 0);
  await letSeal(added, 120);
  await refreshKeys(a.deps);
  while ((await keys()).length > 1) await resealAll(a.deps);
  expect(await useOnce(b, 90_000 / 2)).toBe('201 true true');
  await expect(openedCiphers(pair.sql, MASTERS)).rejects.toThrow('a key that is not known');
  await refreshKeys(b.deps);
  expect((await keys()).map(({ id }) => id)).toEqual([former, added]);
  while ((await keys()).length > 1) await resealAll(a.deps);
  expect((await openedCiphers(pair.sql, MASTERS)).filter(({ keyId }) => keyId !== added)).toEqual([]);
});
