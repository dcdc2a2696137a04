import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Deps } from '../../src/deps.ts';
import { startBatches } from '../../src/service/batches.ts';

const logged: string[] = [];
const note = (_fields: object, what: string) => void logged.push(what);
const log = { warn: note, error: note } as unknown as Deps['log'];

beforeEach(() => {
  logged.length = 0;
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

/** A store that takes so long for each batch; `fails` is thrown instead. */
function openStore(milliseconds = 0) {
  const written: number[][] = [];
  const store = { written, fails: null as Error | null };
  const batches = startBatches<number>(log, 'entry', async (batch) => {
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    if (store.fails) throw store.fails;
    written.push([...batch]);
  });
  return { store, batches };
}

const upTo = (many: number) => Array.from({ length: many }, (_, i) => i);

it('writes few after a moment, all by one statement', async () => {
  const { store, batches } = openStore();
  for (const entry of upTo(3)) batches.record(entry);
  await vi.advanceTimersByTimeAsync(90);
  expect(store.written).toEqual([]);
  await vi.advanceTimersByTimeAsync(20);
  expect(store.written).toEqual([[0, 1, 2]]);
});

it('writes in small batches, as fast as entries come, and drops none', async () => {
  const { store, batches } = openStore(10);
  for (let ms = 0; ms < 5_000; ms += 10) {
    for (const entry of upTo(50)) batches.record(ms * 5 + entry);
    await vi.advanceTimersByTimeAsync(10);
  }
  await vi.advanceTimersByTimeAsync(500);
  expect(store.written.flat()).toEqual(upTo(25_000));
  expect(Math.max(...store.written.map(({ length }) => length))).toBeLessThanOrEqual(100);
  expect(logged).toEqual([]);
});

it('tries a silent database once a second, however many come, and tells once what it had to drop', async () => {
  const { store, batches } = openStore();
  store.fails = Object.assign(new Error('gone'), { code: 'CONNECTION_CLOSED' });
  for (const entry of upTo(12_000)) batches.record(entry);
  await vi.advanceTimersByTimeAsync(5_500);
  expect(logged.length).toBeLessThanOrEqual(6);
  store.fails = null;
  await vi.advanceTimersByTimeAsync(2_000);
  expect(store.written.flat()).toEqual(upTo(12_000).slice(2_000));
  expect(logged.filter((what) => what === 'entry.dropped')).toHaveLength(1);
});
