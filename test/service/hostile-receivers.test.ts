import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { loopbackHosts } from '../outbound/hostile-urls.ts';
import { type Receiver, receiver } from '../outbound/receiver.ts';
import { type Outbox, openOutbox } from '../support/receiver-outbox.ts';
import { startService, type TestService } from '../support/service.ts';

const INSIDE = [
  '10.0.0.1',
  '169.254.169.254',
  '100.100.100.200',
  '192.168.1.1',
  '[fd00:ec2::254]',
  '[64:ff9b::7f00:1]',
];

let service: TestService;
let outbox: Outbox;
let canaries: readonly Receiver[];

beforeEach(async () => {
  service = await startService({ config: { callbackAllowPrivate: false } });
  outbox = openOutbox(service);
  const v4 = await receiver((_request, response) => response.end('secret'));
  canaries = [v4, await receiver((_request, response) => response.end('secret'), '::1', v4.port)];
});
afterEach(async () => {
  await outbox.close();
  await service.close();
  await Promise.all(canaries.map(({ close }) => close()));
});

async function settled(): Promise<Record<string, number>> {
  service.dispatcher.wake();
  await vi.waitUntil(
    async () => (await outbox.rows()).every((row) => row.lastError !== null || row.state === 'delivered'),
    20_000,
  );
  const words = await outbox.sql<{ word: string; n: number }[]>`
    select coalesce(last_error, 'delivered') as word, count(*)::int as n from callbacks group by 1`;
  return Object.fromEntries(words.map(({ word, n }) => [word, n]));
}

describe('a callback to an address of our own network', () => {
  it('is never made, whether an app asked for it or it stands in the database', async () => {
    const port = canaries[0]?.port;
    const hosts = new Set([...loopbackHosts(), 'localhost', ...INSIDE]);
    const urls = [...hosts].map((host) => `http://${host}:${port}/cb`);
    for (const url of urls) await outbox.book(url);
    await outbox.bookMany(Object.fromEntries(urls.map((url) => [`${url}?stored`, 1])));
    expect(await settled()).toEqual({ blocked: urls.length * 2 });
    expect(canaries.map(({ connections }) => connections())).toEqual([0, 0]);
  });
});
