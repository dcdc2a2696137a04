import { expect, it } from 'vitest';
import { newKey, newUuid } from '../src/ids.ts';

it('gives ids that begin with their time, no two alike', () => {
  const before = Date.now();
  const ids = Array.from({ length: 20_000 }, newUuid);
  const after = Date.now();
  for (const id of ids) {
    expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
    const at = Number.parseInt(id.replace('-', '').slice(0, 12), 16);
    expect(at).toBeGreaterThanOrEqual(before);
    expect(at).toBeLessThanOrEqual(after);
  }
  // What is not the time nor the version is chance, in each of them anew.
  expect(new Set(ids.map((id) => id.slice(-12))).size).toBe(ids.length);
});

it('gives keys that no command line takes for an option', () => {
  const keys = Array.from({ length: 10_000 }, () => newKey());
  for (const key of keys) expect(key).toMatch(/^[A-Za-z\d]{32}$/);
  expect(new Set(keys).size).toBe(keys.length);
});
