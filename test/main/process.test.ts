import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { killAll, makeHome, processesOf, type ServiceProcess, startProcess } from '../support/process.ts';
import { api } from '../support/service.ts';

// `npm start` without any setting, told once from the first start to the last, in one data directory.
const home = makeHome();
const DATA_DIR = path.join(home.directory, 'data');
const NPM_DATA_DIR = path.join(home.directory, 'npm');
const start = async () => (await startProcess({ DATA_DIR })).ready();
let demo = '';

afterAll(async () => {
  await killAll();
  home.remove();
});

/** The demo's account, as it was printed. */
function account() {
  const [, id = '', token = ''] = /auth id +(\S+)\s+auth token +(\S+)/.exec(demo) ?? [];
  return { id, token };
}

const sessions = () => `/v1/Account/${account().id}/Masking/Session/`;
const wish = (i: number) => ({
  ...{
    first_party: `+1202555${String(2 * i).padStart(4, '0')}`,
    second_party: `+1202555${String(2 * i + 1).padStart(4, '0')}`,
  },
});

async function endsCleanly(service: ServiceProcess): Promise<void> {
  service.kill('SIGTERM');
  expect(await service.ended).toMatchObject({ code: 0, signal: null });
  expect(processesOf(DATA_DIR)).toEqual([]);
}

describe('without any setting', () => {
  test('the first start prints a demo, and its commands, pasted into a shell, make masked calls in both dialects', async () => {
    if (spawnSync('curl', ['--version']).status !== 0) throw new Error('This test needs curl, which is not installed.');
    const service = await start();
    demo = service.stdout();
    expect(demo).toContain(`Bauta listens on ${service.url}\n`);

    // Its commands are what stands between the numbered sentences. The statuses of the answers go into a file.
    const script = demo.slice(demo.indexOf('\n1. ')).replace(/^\d\. .*$/gm, '');
    const file = path.join(home.directory, 'demo.sh');
    const curl = `curl() { command curl -w '%{stderr}status %{http_code}\n' "$@" 2>>${file}.statuses; }`;
    writeFileSync(file, `${curl}\n${script}`);
    const said = execFileSync('bash', ['-c', `{ bash ${file} 2>&1 1>&3 | cat >${file}.errors; } 3>&1`], {
      encoding: 'utf8',
    });
    expect(readFileSync(`${file}.statuses`, 'utf8').match(/\d+/g)).toEqual([
      '201',
      '200',
      '200',
      '200',
      '201',
      '200',
      '200',
    ]);

    const errors = readFileSync(`${file}.errors`, 'utf8');
    const [us, tr] = errors.match(/"virtual_number":"\+\d+"/g)?.map((text) => text.replace(/\D/g, '')) ?? [];
    expect([us?.slice(0, 4), tr?.slice(0, 5)]).toEqual(['1415', '90212']);
    const [known = '', asked = '', keyed = '', gather = '', dial = ''] = said
      .split('\n')
      .filter((line) => /<Response>|^{/.test(line));
    for (const text of [known, keyed]) {
      expect(text).toMatch(new RegExp(`<Dial callerId="${us}"[^>]*><Number>12025551111</Number></Dial>`));
    }
    expect(asked).toMatch(
      /<GetDigits [^>]*numDigits="4"[^>]*><Play>https:\/\/example.com\/enter-pin.mp3<\/Play><\/GetDigits>/,
    );
    expect(JSON.parse(gather).seq).toMatchObject([{ action: 'gather', args: { min_digits: 4, max_digits: 4 } }]);
    expect(JSON.parse(dial).seq).toEqual([{ action: 'dial', args: { destination: '905320000002' } }]);
    await endsCleanly(service);
  });

  test('a later start finds everything again, and prints the address and nothing else', async () => {
    const service = await start();
    expect(service.stdout()).toBe(`Bauta listens on ${service.url}\n`);
    expect(service.stderr()).toBe('');
    const listed = await api(service, 'GET', sessions(), undefined, account());
    expect(listed.body).toMatchObject({ response: { meta: { total_count: 2 } } });
    await endsCleanly(service);
  });

  test('a second start beside the first is refused, and told which process is there', async () => {
    const service = await start();
    const second = await startProcess({ DATA_DIR });
    expect(await second.ended).toMatchObject({ code: 1 });
    expect(second.stderr()).toContain(`is already in use by process ${service.pid}; stop that process first`);
    expect(second.stderr()).toContain('DATABASE_URL');
    await endsCleanly(service);
  });

  test('started by npm, it is ended by a SIGTERM to npm, and leaves no process behind', async () => {
    const service = await (await startProcess({ DATA_DIR: NPM_DATA_DIR }, 'npm')).ready();
    service.kill('SIGTERM');
    expect((await service.ended).ms).toBeLessThan(10_000);
    expect(processesOf(NPM_DATA_DIR)).toEqual([]);
    await expect(fetch(`${service.url}/health/live`)).rejects.toThrow();
  });

  test('kill -9 while 500 sessions are being created loses none that was acknowledged and leaves no PostgreSQL behind', async () => {
    const service = await start();
    const acknowledged: { id: string; number: string }[] = [];
    const answered: number[] = [];
    const creates = Array.from({ length: 500 }, async (_, i) => {
      const made = await api(service, 'POST', sessions(), wish(i), account());
      answered.push(made.status);
      if (made.status === 201)
        acknowledged.push({ id: made.body.session_uuid ?? '', number: made.body.virtual_number ?? '' });
    });
    const all = Promise.allSettled(creates);
    await vi.waitUntil(() => acknowledged.length >= 100, { timeout: 20_000, interval: 1 });
    service.kill('SIGKILL');
    await all;
    expect(acknowledged.length).toBeLessThan(500);
    // The rate limit of an account may come first.
    expect(answered.filter((status) => status !== 201 && status !== 429)).toEqual([]);
    await vi.waitUntil(() => processesOf(DATA_DIR).length === 0, { timeout: 10_000, interval: 50 });

    const next = await start();
    const read = async (id: string): Promise<Awaited<ReturnType<typeof api>>> => {
      const answer = await api(next, 'GET', `${sessions()}${id}/`, undefined, account());
      if (answer.status !== 429) return answer;
      await sleep(1_000);
      return read(id);
    };
    const found = await Promise.all(acknowledged.map(({ id }) => read(id)));
    expect(
      found.map(({ status, body }) => [
        status,
        `+${(body.response as never as { virtual_number: string }).virtual_number}`,
      ]),
    ).toEqual(acknowledged.map(({ number }) => [200, number]));
    await endsCleanly(next);
  });

  test('when its PostgreSQL dies the service ends as well, with a word, so that somebody starts it again', async () => {
    const service = await start();
    const postmaster = Number.parseInt(readFileSync(path.join(DATA_DIR, 'pg/postmaster.pid'), 'utf8'), 10);
    process.kill(postmaster, 'SIGKILL');
    expect(await service.ended).toMatchObject({ code: 1 });
    expect(service.stdout() + service.stderr()).toContain('database.ended');
    await endsCleanly(await start());
  });
});
