import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startTracing } from '../../src/tracing.ts';
import { type Receiver, receiver } from '../outbound/receiver.ts';
import { emptyDatabase, killAll, startProcess } from '../support/process.ts';
import { api } from '../support/service.ts';
import { type StoryWorld, startStories } from '../support/story.ts';
import { lines, WITH_PIN } from '../support/story-lines.ts';

interface Span {
  readonly traceId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly attributes: { readonly key: string; readonly value: Record<string, string | number> }[];
  readonly status: { readonly code: number };
}

const { plivo } = lines;
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';
const MARK = 'hunter-0123456789';
const WRONG_PIN = '161803398874989';
let collector: Receiver;
let world: StoryWorld;
let tracer: ReturnType<typeof startTracing>;
const phones: string[] = [];

beforeAll(async () => {
  collector = await receiver((_request, response) => response.writeHead(200).end('{}'));
  tracer = startTracing(`${collector.url}/`);
  world = await startStories({}, { deps: { tracer } });
});
afterAll(async () => {
  await killAll();
  await world.service.close();
  await collector.close();
});

const bodies = () => collector.requests().map(({ body }) => body);
const spans = (): Span[] =>
  bodies().flatMap((body) =>
    JSON.parse(body).resourceSpans.flatMap(({ scopeSpans }: { scopeSpans: { spans: Span[] }[] }) =>
      scopeSpans.flatMap((scope) => scope.spans),
    ),
  );
const attributesOf = ({ attributes }: Span) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));

describe('a collector', () => {
  test('gets a span per request, in its caller’s trace, with method, route and status alone', async () => {
    const session = await world.session(plivo, WITH_PIN);
    const stranger = world.phone(plivo);
    phones.push(session.first, session.second, stranger);
    const call = world.call(plivo, stranger, { callId: MARK });
    await call.dial();
    await call.press(WRONG_PIN);
    await api(
      world.service,
      'GET',
      `/Masking/Session/?first_party=%2B${session.first.slice(1)}`,
      undefined,
      plivo.account,
    );
    const headers = { traceparent: `00-${TRACE}-${PARENT}-01`, tracestate: `v=${MARK}`, baggage: `v=${MARK}` };
    const path = `${world.service.url}/v1/Account/${MARK}/Masking/Session/${MARK}/?${MARK}=1`;
    expect((await fetch(path, { headers: { ...headers, 'user-agent': MARK } })).status).toBe(401);
    expect((await fetch(`${world.service.url}/${MARK}`, { headers: { traceparent: MARK } })).status).toBe(404);
    await tracer.close();

    expect(collector.requests().map(({ url }) => url)).toEqual(bodies().map(() => '/v1/traces'));
    const told = spans().map((span) => [span.name, attributesOf(span)['http.response.status_code']]);
    const counted = Object.fromEntries(
      told.map((one) => [one.join(' '), told.filter((other) => `${other}` === `${one}`).length]),
    );
    expect(counted).toEqual({
      'POST /v1/Account/:auth_id/Masking/Session/ 201': 1,
      'POST /answer/:key/ 200': 2,
      'GET /Masking/Session/ 200': 1,
      'GET /v1/Account/:auth_id/Masking/Session/:session_uuid/ 401': 1,
      'GET none 404': 1,
    });
    for (const span of spans()) {
      expect(Object.keys(attributesOf(span)).sort()).toEqual([
        'http.request.method',
        'http.response.status_code',
        'http.route',
      ]);
    }
    const followed = spans().find(({ name }) => name.includes(':session_uuid'));
    expect(followed).toMatchObject({ traceId: TRACE, parentSpanId: PARENT });
    const others = spans().filter(({ name }) => name !== followed?.name);
    expect(others.map(({ parentSpanId }) => parentSpanId || null)).toEqual(others.map(() => null));
    expect(new Set(spans().map(({ traceId }) => traceId)).size).toBe(spans().length);
  });

  test('is told of nobody: no phone, PIN, token, id or address', () => {
    const marked = [...phones.map((phone) => phone.slice(1)), WRONG_PIN, 'hunter', plivo.key, plivo.account.token];
    const all = bodies().join('\n');
    expect(all.length).toBeGreaterThan(500);
    expect([...marked, plivo.account.id, '127.0.0.1', '1357', '2468'].filter((text) => all.includes(text))).toEqual([]);
  });
});

test('the process sends its spans where the setting says', async () => {
  const database = await emptyDatabase();
  const before = spans().length;
  const settings = { DATABASE_URL: database.url, MASTER_KEY: 'ab'.repeat(32) };
  const service = await (await startProcess({ ...settings, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url })).ready();
  service.kill('SIGTERM');
  expect(await service.ended).toMatchObject({ code: 0 });
  await vi.waitUntil(() => spans().length > before, 10_000);
  expect(
    spans()
      .slice(before)
      .map(({ name }) => name),
  ).toContain('GET /health/ready');
  await database.drop();
}, 60_000);

test('where nobody collects, nothing of it is loaded', () => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const texts = files.map((name) => ({ name, text: readFileSync(path.join('src', name), 'utf8') }));
  expect(texts.filter(({ text }) => text.includes("'@opentelemetry")).map(({ name }) => name)).toEqual(['tracing.ts']);
  const importers = texts.filter(({ text }) => /'\.\.?\/tracing\.ts'/.test(text));
  expect(importers.map(({ name }) => name)).toEqual(['serve.ts']);
  expect(readFileSync('src/serve.ts', 'utf8')).not.toMatch(/^import .*'\.\/tracing\.ts'/m);
});
