import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startService, type TestService } from '../support/service.ts';

let service: TestService;

beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

const get = (path: string) => fetch(service.url + path);

describe('the description of the API', () => {
  it('is the committed document', async () => {
    const answer = await get('/openapi.json');
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(await answer.text()).toBe(readFileSync('openapi/openapi.json', 'utf8'));
  });

  it('has a page for readers, whole for those who come first at once', async () => {
    const paths = ['/docs', '/docs/', '/docs/static/swagger-ui.css'];
    const texts = await Promise.all(paths.map(async (path) => (await get(path)).text()));
    expect(texts[0]).toContain('swagger-ui-bundle.js');
    expect(texts[1]).toContain('swagger-ui-bundle.js');
    expect(texts[2]).toContain('.swagger-ui');
    expect(await (await get('/docs/json')).json()).toEqual(JSON.parse(readFileSync('openapi/openapi.json', 'utf8')));
    expect((await fetch(`${service.url}/docs`, { method: 'HEAD' })).status).toBe(200);
  });

  it('answers what is not there like any other address', async () => {
    const answer = await get('/docs/nothing');
    expect(answer.status).toBe(404);
    expect(await answer.json()).toEqual({
      api_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      error: 'The requested URL was not found.',
    });
  });
});
