import net from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { BlockedError, callableUrl, guardedAgent, type Resolver } from '../../src/outbound/guard.ts';
import { sendCallback } from '../../src/outbound/send-callback.ts';
import { HOSTILE_NAMES, hostileUrls, loopbackHosts, privateAddresses } from './hostile-urls.ts';
import { bare, fakeResolver, lookupAddress, type Receiver, receiver } from './receiver.ts';

const PUBLIC = '93.184.215.14';
let v4: Receiver;
let v6: Receiver;

beforeAll(async () => {
  v4 = await receiver((_request, response) => response.end('secret'));
  v6 = await receiver((_request, response) => response.end('secret'), '::1', v4.port);
});
afterEach(() => vi.restoreAllMocks());
afterAll(() => Promise.all([v4.close(), v6.close()]));

/** Nothing outside may be contacted by a test: notes the addresses that would be, and refuses. */
function noteConnections(): string[] {
  const connected: string[] = [];
  vi.spyOn(net, 'connect').mockImplementation(((options: net.TcpNetConnectOpts) => {
    const socket = new net.Socket();
    options.lookup?.(String(options.host), { all: true }, (error, addresses) => {
      if (error === null)
        connected.push(...[addresses].flat().map((one) => (typeof one === 'string' ? one : one.address)));
      socket.destroy(error ?? Object.assign(new Error(), { code: 'ECONNREFUSED' }));
    });
    return socket;
  }) as typeof net.connect);
  return connected;
}

const reached = () => [v4.connections(), v6.connections()];

describe('the guard of outgoing requests', () => {
  it('never connects to a private address, however it is written', async () => {
    const agent = guardedAgent({ allowPrivate: false, resolver: fakeResolver(HOSTILE_NAMES) });
    const before = reached();
    const urls = hostileUrls(v4.port);
    expect(new Set(urls).size).toBeGreaterThan(150);
    const outcomes = await Promise.all(urls.map((url) => sendCallback(agent, bare(url))));
    const notBlocked = urls.filter((_url, index) => {
      const outcome = outcomes[index];
      return outcome?.ok !== false || outcome.error !== 'blocked';
    });
    expect(notBlocked).toEqual([]);
    expect(reached()).toEqual(before);
    await agent.close();
  });

  it('would reach the loopback by each of these spellings, were it not for the guard', async () => {
    const agent = guardedAgent({ allowPrivate: true, resolver: fakeResolver(HOSTILE_NAMES) });
    for (const host of loopbackHosts()) {
      expect
        .soft(await sendCallback(agent, bare(`http://${host}:${v4.port}/`)), host)
        .toEqual({ ok: true, status: 200 });
    }
    await agent.close();
  });

  it('connects only to an address it has judged, so a name that changes its address gains nothing', async () => {
    const connected = noteConnections();
    const answers = [PUBLIC, '127.0.0.1'];
    let asked = 0;
    const resolver: Resolver = (_name, _options, callback) =>
      callback(null, [lookupAddress(answers[asked++] ?? '::1')]);
    const agent = guardedAgent({ allowPrivate: false, resolver });
    const url = `http://rebinding.invalid:${v4.port}/`;
    expect(await sendCallback(agent, bare(url))).toMatchObject({ error: 'refused' });
    expect(asked).toBe(1);
    expect(await sendCallback(agent, bare(url))).toMatchObject({ error: 'blocked' });
    expect(connected).toEqual([PUBLIC]);
    await agent.close();
  });

  it('refuses a name with any address that is not public, before and behind a public one', async () => {
    const connected = noteConnections();
    const addresses = privateAddresses();
    expect(new Set(addresses).size).toBeGreaterThan(250);
    const answers = addresses.flatMap((ip) => [[ip], [PUBLIC, ip], [ip, PUBLIC], [PUBLIC, PUBLIC, PUBLIC, ip]]);
    const table = Object.fromEntries(answers.map((all, index) => [`name-${index}.invalid`, all]));
    const agent = guardedAgent({ allowPrivate: false, resolver: fakeResolver(table) });
    const attempts = Object.entries(table).map(async ([name, all], index) => {
      const { ok, ...rest } = await sendCallback(agent, bare(`${index % 2 === 0 ? 'http' : 'https'}://${name}/`));
      expect.soft([ok, rest], all.join()).toEqual([false, { status: null, error: 'blocked' }]);
    });
    await Promise.all(attempts);
    expect(connected).toEqual([]);
    await agent.close();
  });

  it('sends no request on a connection that ended up at a private address after all', async () => {
    const connect = net.connect;
    vi.spyOn(net, 'connect').mockImplementation(((options: net.TcpNetConnectOpts) =>
      connect({ port: options.port, host: '127.0.0.1' })) as typeof net.connect);
    const agent = guardedAgent({ allowPrivate: false, resolver: fakeResolver({ 'public.invalid': [PUBLIC] }) });
    const [connections, requests] = [v4.connections(), v4.requests().length];
    expect(await sendCallback(agent, bare(`http://public.invalid:${v4.port}/`))).toMatchObject({ error: 'blocked' });
    await vi.waitFor(() => expect(v4.connections()).toBe(connections + 1));
    expect(v4.requests()).toHaveLength(requests);
    await agent.close();
  });

  it('refuses the ports of internal services before it asks for the name', async () => {
    const resolver = vi.fn<Resolver>((_name, _options, callback) => callback(null, [lookupAddress(PUBLIC)]));
    const agent = guardedAgent({ allowPrivate: false, resolver });
    const ports = [
      22, 23, 25, 53, 110, 143, 389, 445, 465, 587, 993, 995, 1433, 2375, 2379, 3306, 5432, 6379, 9200, 11211, 27017,
    ];
    for (const port of ports) {
      expect(await sendCallback(agent, bare(`http://public.invalid:${port}/`))).toMatchObject({ error: 'blocked' });
    }
    expect(resolver).not.toHaveBeenCalled();
    await agent.close();
  });

  it('refuses with a code, and a message that holds neither the URL nor the address', async () => {
    const agent = guardedAgent({ allowPrivate: false, resolver: fakeResolver(HOSTILE_NAMES) });
    for (const origin of ['http://127.0.0.1:1', 'http://office.invalid', 'http://office.invalid:22']) {
      const failure = await agent.request({ origin, path: '/p', method: 'GET' }).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'EBLOCKED', message: expect.stringMatching(/^[a-z ]+$/) });
    }
    for (const user of ['user:secret', ':secret', 'user']) {
      expect(() => callableUrl(`http://${user}@public.invalid/`)).toThrow(/^userinfo is not allowed$/);
    }
    expect(() => callableUrl('ftp://public.invalid/')).toThrow(BlockedError);
    expect(callableUrl('https://public.invalid/cb').host).toBe('public.invalid');
    await agent.close();
  });
});
