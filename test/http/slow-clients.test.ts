import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OTHER_KEY, SESSIONS, startService, type TestService } from '../support/service.ts';

const SOCKETS = 450;
const EVERY_MS = 1_000;
// A request has eight seconds to arrive, which is looked after each second.
const LONGEST_MS = 20_000;
// Within which every question is answered, however busy the machine; half of them are far below.
const BUDGET_MS = 2_500;
const USUAL_MS = 500;

let service: TestService;
let pool: Pool;

beforeAll(async () => {
  service = await startService();
  pool = new Pool(service.url, { connections: 4 });
});
afterAll(async () => {
  await pool.destroy();
  await service.close();
});

const HOOK = `/answer/${OTHER_KEY}/`;
const FORM = 'content-type: application/x-www-form-urlencoded';

/** What is written at once, and what follows byte by byte. */
const DRIPS: readonly (readonly [start: string, piece: string])[] = [
  ['', 'G'],
  [`POST ${HOOK} HTTP/1.1\r\nhost: a\r\n`, 'x'],
  [`POST ${HOOK} HTTP/1.1\r\nhost: a\r\nx: `, 'x'],
  [`POST ${HOOK} HTTP/1.1\r\nhost: a\r\n${FORM}\r\ncontent-length: 500\r\n\r\n`, 'a'],
  [`POST ${HOOK} HTTP/1.1\r\nhost: a\r\n${FORM}\r\ntransfer-encoding: chunked\r\n\r\nfff\r\n`, 'a'],
  [`POST ${HOOK} HTTP/1.1\r\nhost: a\r\n${FORM}\r\ntransfer-encoding: chunked\r\n\r\n`, '1\r\na\r\n'],
  [`POST ${SESSIONS} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n`, '['],
  [`POST ${HOOK} HTTP/1.1\r\nhost: a\r\n${FORM}\r\ncontent-length: 500\r\n\r\n`, ''],
  ['', ''],
];

interface Dripping {
  readonly statuses: string[];
  readonly openedAt: number;
  closedAt: number | null;
}

function drip(port: number, kind: number): Dripping {
  const [start, piece] = DRIPS[kind] ?? ['', ''];
  const state: Dripping = { statuses: [], openedAt: performance.now(), closedAt: null };
  const socket = net.connect(port, '127.0.0.1', () => socket.write(start));
  const timer = setInterval(() => socket.write(piece), EVERY_MS);
  const close = () => {
    clearInterval(timer);
    state.closedAt ??= performance.now();
    socket.destroy();
  };
  socket.on('data', (chunk) => state.statuses.push(...(String(chunk).match(/(?<=HTTP\/1.1 )\d+/g) ?? [])));
  socket.on('end', close).on('close', close).on('error', close).resume();
  return state;
}

async function ask(n: number): Promise<void> {
  const answer = await pool.request({
    ...{ method: 'POST', path: HOOK },
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: `CallUUID=c-${n}&From=12025550000&To=14155550902`,
  });
  expect(answer.statusCode).toBe(200);
  await answer.body.dump();
}

describe('hundreds of clients that drip their requests', () => {
  it('keep no caller waiting, and are shown out by the service’s own clocks', async () => {
    const { port } = new URL(service.url);
    await ask(0);
    const dripping = Array.from({ length: SOCKETS }, (_, n) => drip(Number(port), n % DRIPS.length));
    const took: number[] = [];
    const began = performance.now();
    const isOver = () => dripping.every(({ closedAt }) => closedAt !== null) || performance.now() - began > 30_000;
    for (let n = 0; !isOver(); n++) {
      const askedAt = performance.now();
      await ask(n);
      took.push(performance.now() - askedAt);
      await sleep(50);
    }
    took.sort((one, other) => one - other);
    expect(took.length).toBeGreaterThan(50);
    expect(took[took.length >> 1]).toBeLessThan(USUAL_MS);
    expect(took.at(-1)).toBeLessThan(BUDGET_MS);
    const lives = dripping.map(({ openedAt, closedAt }) => (closedAt ?? Number.POSITIVE_INFINITY) - openedAt);
    expect(Math.max(...lives)).toBeLessThan(LONGEST_MS);
    const statuses = new Set(dripping.flatMap((one) => one.statuses));
    expect([...statuses].sort()).toEqual(['400', '401', '408']);
  }, 120_000);
});
