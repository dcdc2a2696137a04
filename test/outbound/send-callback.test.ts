import type { RequestListener } from 'node:http';
import net from 'node:net';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { guardedAgent, type Resolver } from '../../src/outbound/guard.ts';
import { sendCallback } from '../../src/outbound/send-callback.ts';
import { heldBytes } from './held-bytes.ts';
import { bare, receiver } from './receiver.ts';

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

async function listening(handler: RequestListener) {
  const made = await receiver(handler);
  open.push(made.close);
  return made;
}

function agentFor(resolver: Resolver = failing('ENOTFOUND')) {
  const agent = guardedAgent({ allowPrivate: true, resolver });
  open.unshift(() => agent.destroy());
  return agent;
}

function failing(code: string): Resolver {
  return (_name, _options, callback) => callback(Object.assign(new Error('to http://a.invalid'), { code }), []);
}

function failed(error: string, status: number | null = null) {
  return { ok: false, status, error };
}

describe('the outcome of a callback', () => {
  it.each([200, 201, 204, 299])('is success for %i', async (status) => {
    const { url } = await listening((_request, response) => response.writeHead(status).end());
    expect(await sendCallback(agentFor(), bare(url))).toEqual({ ok: true, status });
  });

  it.each([300, 304, 400, 404, 410, 429, 500, 503])('is failure for %i', async (status) => {
    const { url } = await listening((_request, response) => response.writeHead(status).end('no'));
    expect(await sendCallback(agentFor(), bare(url))).toEqual({ ok: false, status, error: `status ${status}` });
  });

  it.each([301, 302, 303, 307, 308])('is failure for the redirect %i, whose target is not visited', async (status) => {
    const target = await listening((_request, response) => response.end());
    const { url } = await listening((_request, response) => response.writeHead(status, { location: target.url }).end());
    for (const method of ['GET', 'POST'] as const) {
      const outcome = await sendCallback(agentFor(), { ...bare(url), method, body: method === 'POST' ? 'a=1' : null });
      expect(outcome).toEqual({ ok: false, status, error: `status ${status}` });
    }
    expect(target.connections()).toBe(0);
  });

  it('has what Retry-After says of a failure, and only of one', async () => {
    const answering = async (status: number, retryAfter: string) => {
      const { url } = await listening((_request, response) =>
        response.writeHead(status, { 'retry-after': retryAfter }).end(),
      );
      return sendCallback(agentFor(), bare(url));
    };
    expect(await answering(503, '120')).toEqual({ ...failed('status 503', 503), retryAfterSeconds: 120 });
    expect(await answering(302, '0')).toEqual({ ...failed('status 302', 302), retryAfterSeconds: 1 });
    const inAnHour = await answering(429, new Date(Date.now() + 3_600_000).toUTCString());
    expect(inAnHour).toMatchObject({ retryAfterSeconds: expect.any(Number) });
    expect(Object(inAnHour).retryAfterSeconds).toBeGreaterThan(3590);
    expect(await answering(503, 'soon')).toEqual(failed('status 503', 503));
    expect(await answering(200, '120')).toEqual({ ok: true, status: 200 });
  });

  it('is a short word for every failure of the network', async () => {
    const plain = await listening((_request, response) => response.end());
    const cut = await listening((request) => request.socket.destroy());
    const halfway = await listening((request, response) => {
      response.writeHead(200, { 'content-length': '10' }).write('five.');
      setTimeout(() => request.socket.destroy(), 20);
    });
    const odd = net.createServer((socket) => socket.end('SSH-2.0-OpenSSH\r\n'));
    await new Promise<void>((resolve) => odd.listen(0, '127.0.0.1', resolve));
    open.push(async () => odd.close());
    const gone = await receiver((_request, response) => response.end());
    await gone.close();
    const oddUrl = `http://127.0.0.1:${(odd.address() as net.AddressInfo).port}`;
    const attempt = (url: string, agent = agentFor()) => sendCallback(agent, bare(url));
    expect(await attempt(gone.url)).toEqual(failed('refused'));
    expect(await attempt(cut.url)).toEqual(failed('reset'));
    expect(await attempt(halfway.url)).toEqual(failed('reset', 200));
    expect(await attempt(plain.url.replace('http:', 'https:'))).toEqual(failed('tls'));
    expect(await attempt(oddUrl)).toEqual(failed('network'));
    const nothing: Resolver = (_name, _options, callback) => callback(null, []);
    for (const resolver of [failing('ENOTFOUND'), failing('EAI_AGAIN'), nothing]) {
      expect(await attempt('http://a.invalid/', agentFor(resolver))).toEqual(failed('dns'));
    }
    expect(await attempt('http://a:b@127.0.0.1/')).toEqual(failed('blocked'));
    const unwritable = { ...bare(plain.url), headers: { a: 'b\nc' } };
    expect(await sendCallback(agentFor(), unwritable)).toEqual(failed('network'));
  });
});

describe('the deadline of a callback', () => {
  async function timed(url: string, agent = agentFor(), timeoutMs = 300) {
    const startedAt = performance.now();
    const outcome = await sendCallback(agent, bare(url), timeoutMs);
    expect(performance.now() - startedAt).toBeLessThan(timeoutMs + 1200);
    return outcome;
  }

  it('ends the wait for a name', async () => {
    const silent = agentFor(() => undefined);
    expect(await timed('http://slow.invalid/', silent)).toEqual(failed('timeout'));
  });

  it('ends the wait for the headers, and for a free connection to a receiver that hangs', async () => {
    const hanging = await listening(() => undefined);
    const agent = agentFor();
    const sent = Array.from({ length: 24 }, () => timed(hanging.url, agent, 3000));
    await vi.waitFor(() => expect(hanging.requests()).toHaveLength(24), { timeout: 2500, interval: 10 });
    expect(hanging.connections()).toBe(24);
    const inLine = Array.from({ length: 36 }, () => timed(hanging.url, agent, 300));
    for (const attempt of [...inLine, ...sent]) expect(await attempt).toEqual(failed('timeout'));
    await new Promise((resolve) => setTimeout(resolve, 100));
    // Those in line when their time was up are never sent, though connections are free by now.
    expect(hanging.requests()).toHaveLength(24);
  });

  it('ends an answer that trickles in', async () => {
    const closed = vi.fn();
    const { url } = await listening((_request, response) => {
      const drip = setInterval(() => response.write('.'), 20);
      response.on('close', () => clearInterval(drip)).on('close', closed);
    });
    expect(await timed(url)).toEqual(failed('timeout', 200));
    await vi.waitFor(() => expect(closed).toHaveBeenCalled());
  });

  it('is not needed for an endless answer: it is cut off after 64 kB, in little memory', async () => {
    let [answering, written] = [0, 0];
    const { url } = await listening((request, response) => {
      answering += 1;
      response.on('close', () => {
        answering -= 1;
        written = Math.max(written, request.socket.bytesWritten);
      });
      const chunk = Buffer.alloc(16_384, 'x');
      new Readable({
        read() {
          this.push(chunk);
        },
      }).pipe(response);
    });
    const agent = agentFor();
    for (let count = 0; count < 10; count += 1) await timed(url, agent);
    const before = heldBytes();
    for (let count = 0; count < 50; count += 1) expect(await timed(url, agent)).toEqual({ ok: true, status: 200 });
    expect(heldBytes() - before).toBeLessThan(2 * 2 ** 20);
    await vi.waitFor(() => expect(answering).toBe(0));
    expect(written).toBeLessThan(8 * 2 ** 20);
  });
});
