import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { guardedAgent } from '../../src/outbound/guard.ts';
import { sendCallback } from '../../src/outbound/send-callback.ts';
import { heldBytes } from './held-bytes.ts';
import { bare } from './receiver.ts';

const agent = guardedAgent({ allowPrivate: true });
const servers: net.Server[] = [];
let connections = 0;
/** Those that a request came on. */
let asked = 0;

afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
});
afterAll(() => agent.destroy());
// Answers that end, as many at once as are measured: what a process keeps for its first sockets is nobody's endless answer.
beforeAll(async () => {
  const url = await answering(`${HEAD}connection: close\r\ncontent-length: 0\r\n\r\n`, '', 1_000);
  for (let i = 0; i < 3; i++) {
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => sendCallback(agent, bare(url), 5_000)));
    expect(outcomes.every(({ ok }) => ok)).toBe(true);
  }
});

const DEADLINE_MS = 200;
const MEGABYTE = 2 ** 20;
const HEAD = 'HTTP/1.1 200 OK\r\n';

/** Answers every connection with the start and then the piece again and again: as fast as it goes, or each so often. */
async function answering(start: string, piece: string, everyMs: number | null): Promise<string> {
  const server = net.createServer((socket) => {
    let timer: NodeJS.Timeout | undefined;
    const flood = () => {
      let isFree = true;
      while (isFree && !socket.destroyed) isFree = socket.write(piece);
    };
    connections += 1;
    socket
      .on('error', () => undefined)
      .on('close', () => {
        connections -= 1;
        clearInterval(timer);
      });
    socket.once('data', () => {
      asked += 1;
      socket.on('close', () => {
        asked -= 1;
      });
      socket.write(start);
      if (everyMs === null) socket.on('drain', flood);
      if (everyMs === null) flood();
      else timer = setInterval(() => socket.write(piece), everyMs);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as net.AddressInfo).port}/`;
}

const many = (text: string) => text.repeat(Math.ceil(16_384 / text.length));

describe('an answer without an end', () => {
  it.each<[string, string, string, number | null]>([
    ['a status line that never ends', 'HTTP/1.1 200 ', many('O'), null],
    ['one byte of its status line at a time', 'HTTP/1.1 200 ', 'O', 20],
    ['one byte of its headers at a time', `${HEAD}x-a: `, 'a', 20],
    ['a header that never ends', `${HEAD}x-a: `, many('a'), null],
    ['headers that never end', HEAD, many('x-a: aaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n'), null],
    ['early hints without end', '', many('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'), null],
    ['early hints, one at a time', '', 'HTTP/1.1 103 Early Hints\r\n\r\n', 20],
    ['100s without end', '', many('HTTP/1.1 100 Continue\r\n\r\n'), null],
    ['one byte of its body at a time', `${HEAD}content-length: 1000\r\n\r\n`, 'x', 20],
    ['one byte of a chunk at a time', `${HEAD}transfer-encoding: chunked\r\n\r\nffff\r\n`, 'x', 20],
    ['a chunk without end', `${HEAD}transfer-encoding: chunked\r\n\r\nfffffffff\r\n`, many('x'), null],
    ['chunks of a byte without end', `${HEAD}transfer-encoding: chunked\r\n\r\n`, many('1\r\nx\r\n'), null],
    ['an extension of a chunk without end', `${HEAD}transfer-encoding: chunked\r\n\r\n1;x=`, many('x'), null],
    ['a length of a chunk without end', `${HEAD}transfer-encoding: chunked\r\n\r\n`, many('0'), null],
    ['trailers without end', `${HEAD}transfer-encoding: chunked\r\n\r\n0\r\n`, many('x-a: aaaaaaaaaaaa\r\n'), null],
    ['a body to the end of the connection', `${HEAD}connection: close\r\n\r\n`, many('x'), null],
    ['nothing but line ends', '', many('\r\n'), null],
    ['something else than HTTP', '', many('SSH-2.0-OpenSSH\r\n'), null],
  ])('(%s) is over by the deadline, in little memory, and its connection with it', async (_what, ...answer) => {
    const url = await answering(...answer);
    const attempts = (count: number) =>
      Promise.all(Array.from({ length: count }, () => sendCallback(agent, bare(url), DEADLINE_MS)));
    await attempts(2);
    const before = heldBytes();
    const began = performance.now();
    const underWay = attempts(8);
    await sleep(DEADLINE_MS * 0.75);
    expect(heldBytes() - before).toBeLessThan(2 * MEGABYTE);
    const outcomes = await underWay;
    expect(performance.now() - began).toBeLessThan(DEADLINE_MS + 1_500);
    // Whatever is an answer of 2xx at least, and longer than we care for, is one; all else is a failure in one word.
    for (const outcome of outcomes) {
      if (outcome.ok) expect(outcome.status).toBe(200);
      else expect(outcome.error).toMatch(/^(timeout|reset|network)$/);
    }
    await vi.waitFor(() => expect(asked).toBe(0), { timeout: 3_000 });
  });

  it('leaves no connection behind', async () => {
    // undici connects anew after each that was given up, and closes what it has no use for after four seconds.
    await vi.waitFor(() => expect(connections).toBe(0), { timeout: 10_000 });
  });
});
