import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RAW_CASES, type RawCase } from '../support/raw-corpus.ts';
import { exchange } from '../support/raw-http.ts';
import { OPEN_CONNECTIONS } from '../support/sdk-hostile.ts';
import { api, MAIN, makeSession, SESSIONS, startService, type TestService } from '../support/service.ts';

const AT_ONCE = 12;
const logLines: string[] = [];
let service: TestService;
let port: number;

beforeAll(async () => {
  service = await startService({ bootstrap: OPEN_CONNECTIONS, logLines });
  port = Number(new URL(service.url).port);
});
afterAll(() => service.close());

async function rows(): Promise<unknown> {
  const { sql } = service.deps.db;
  return sql`select (select count(*) from sessions) as sessions, (select count(*) from calls) as calls`;
}

describe('bytes that are no request, or one that nobody may send', () => {
  it('get one refusal or none, and the connection is closed where it cannot be told what comes next', async () => {
    const before = await rows();
    const faults: string[] = [];
    const tally: Record<string, number> = {};
    const judge = async ({ name, bytes, end }: RawCase) => {
      const { statuses, rest, isClosed } = await exchange(port, bytes, end);
      const [status = null] = statuses;
      tally[String(status)] = (tally[String(status)] ?? 0) + 1;
      const isRefused = status === null ? isClosed : status >= 400 && status < 500;
      if (!isRefused || statuses.length > 1 || rest !== '') {
        faults.push(`${name}: ${statuses.join() || 'nothing'}${isClosed ? ', closed' : ''} ${rest.slice(0, 80)}`);
      }
    };
    const waiting = [...RAW_CASES];
    const work = async () => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await judge(next);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    expect(faults).toEqual([]);
    expect(RAW_CASES.length).toBeGreaterThan(200);
    expect(await rows()).toEqual(before);
    expect(logLines.filter((text) => /"level":(50|60)/.test(text))).toEqual([]);
  }, 60_000);

  it('leave the service as well as it was', async () => {
    expect((await api(service, 'GET', '/health/ready', undefined, null)).status).toBe(200);
    const made = await makeSession(service, { first_party: '+12025550000', second_party: '+12025551111' });
    expect((await api(service, 'GET', SESSIONS + made.session_uuid)).status).toBe(200);
  });
});

describe('requests one behind the other on a connection', () => {
  const authorization = `authorization: Basic ${Buffer.from(`${MAIN.id}:${MAIN.token}`).toString('base64')}`;
  const get = (path: string, headers = '') => `GET ${path} HTTP/1.1\r\nhost: a\r\n${headers}\r\n`;

  it('get one answer each, in their order', async () => {
    const three = get('/health/live') + get('/nowhere') + get(SESSIONS, `${authorization}\r\n`);
    expect(await exchange(port, Buffer.from(three))).toEqual({ statuses: [200, 404, 200], rest: '', isClosed: false });
  });

  it('are not answered behind one that is refused for its form', async () => {
    const broken = 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n';
    const bytes = Buffer.from(get('/health/live') + broken + get('/health/live'));
    const { statuses, isClosed } = await exchange(port, bytes);
    // What came before may be cut off.
    expect([statuses.at(-1), isClosed]).toEqual([400, true]);
    expect(statuses.length).toBeLessThan(3);
  });
});
