import { expect, it } from 'vitest';
import { inBatches } from '../../src/store/batch.ts';

const OUTAGE = new Error('outage');

class Culprit extends Error {
  readonly at: number;
  constructor(at: number) {
    super('bad');
    this.at = at;
  }
}

/** A verb that notes its statements; items below zero cannot be done, and below -100 it says so. */
function noting(most: number, atOnce = 2) {
  const statements: number[][] = [];
  let highest = 0;
  let underWay = 0;
  const ask = inBatches<number, number>({
    ...{ most, atOnce, keyOf: (n: number) => String(n % 1000), isOfAll: (error: unknown) => error === OUTAGE },
    culpritOf: (error: unknown) => (error instanceof Culprit ? error.at : null),
    async run(items) {
      statements.push([...items]);
      underWay += 1;
      highest = Math.max(highest, underWay);
      await new Promise((resolve) => setTimeout(resolve, 5));
      underWay -= 1;
      if (items.includes(666)) throw OUTAGE;
      if (items.some((n) => n < -100)) throw new Culprit(items.findIndex((n) => n < -100));
      if (items.some((n) => n < 0)) throw new Error('bad');
      return items.map((n) => n * 2);
    },
  });
  return { ask, statements, mostUnderWay: () => highest };
}

it.each([1, 2, 64])('gives each his own result, never more than %i in a statement', async (most) => {
  const { ask, statements, mostUnderWay } = noting(most);
  const asked = Array.from({ length: 200 }, (_, i) => i);
  expect(await Promise.all(asked.map(ask))).toEqual(asked.map((n) => n * 2));
  expect(statements.flat().sort((a, b) => a - b)).toEqual(asked);
  expect(Math.max(...statements.map((items) => items.length))).toBe(most);
  expect(statements.length).toBe(Math.ceil(200 / most));
  expect(mostUnderWay()).toBe(2);
});

it('shares a crowd between the statements that are free, and leaves few together', async () => {
  const sizes = async (many: number) => {
    const { ask, statements } = noting(64);
    await Promise.all(Array.from({ length: many }, (_, i) => ask(i)));
    return statements.map(({ length }) => length);
  };
  expect(await sizes(20)).toEqual([20]);
  expect(await sizes(32)).toEqual([32]);
  expect(await sizes(64)).toEqual([32, 32]);
  expect(await sizes(120)).toEqual([60, 60]);
});

it('carries who comes while statements are under way together, when one is through', async () => {
  const { ask, statements } = noting(64, 1);
  const first = ask(1);
  await new Promise((resolve) => setTimeout(resolve, 1));
  await Promise.all([first, ask(2), ask(3)]);
  expect(statements).toEqual([[1], [2, 3]]);
});

it('tries each alone where a statement fails for one of them', async () => {
  const { ask, statements } = noting(64);
  const results = await Promise.allSettled([1, -5, 3].map(ask));
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(statements).toEqual([[1, -5, 3], [1], [-5], [3]]);
});

it('tries only those alone whom the failures name, and the others together', async () => {
  const { ask, statements } = noting(64);
  const results = await Promise.allSettled([1, -105, 3, -107, 5].map(ask));
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled']);
  expect(statements).toEqual([[1, -105, 3, -107, 5], [1, 3, -107, 5], [-105], [1, 3, 5], [-107]]);
});

it('rejects all where the failure is nobody’s own, and tries nobody again', async () => {
  const { ask, statements } = noting(64);
  const results = await Promise.allSettled([1, 666, 3].map(ask));
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  expect(statements.length).toBe(1);
  expect(await ask(4)).toBe(8);
});

it('never lets two of the same key travel together, and keeps their order', async () => {
  const { ask, statements } = noting(64, 1);
  expect(await Promise.all([7, 1007, 8].map(ask))).toEqual([14, 2014, 16]);
  expect(statements).toEqual([[7, 8], [1007]]);
});

it('never has two of the same key under way at the same time, and lets others go meanwhile', async () => {
  const statements: (readonly number[])[] = [];
  const ends: (() => void)[] = [];
  const ask = inBatches<number, number>({
    ...{ most: 64, atOnce: 2, keyOf: (n: number) => String(n % 1000), isOfAll: () => true, culpritOf: () => null },
    async run(items) {
      statements.push(items);
      await new Promise<void>((resolve) => ends.push(resolve));
      return items;
    },
  });
  const turn = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  const first = [7, 1007, 8].map(ask);
  await turn();
  const later = [2007, 9].map(ask);
  await turn();
  expect(statements).toEqual([[7, 8], [9]]);
  for (let i = 0; i < 4; i++) {
    ends[i]?.();
    await turn();
  }
  expect(statements).toEqual([[7, 8], [9], [1007], [2007]]);
  expect(await Promise.all([...first, ...later])).toEqual([7, 1007, 8, 2007, 9]);
});

it('lets others pass statements that hang, and gives those their results when they come', async () => {
  const hung = new Map<number, () => void>();
  const ask = inBatches<number, number>({
    ...{ most: 1, atOnce: 4, keyOf: () => null, isOfAll: () => true, culpritOf: () => null },
    async run([n = 0]) {
      if (n < 4) await new Promise<void>((resolve) => hung.set(n, resolve));
      return [n * 2];
    },
  });
  const hanging = [0, 1, 2, 3].map(ask);
  const others = [4, 5, 6].map(ask);
  const soon = new Promise((resolve) => setTimeout(() => resolve('still held'), 500));
  expect(await Promise.race([Promise.all(others), soon])).toEqual([8, 10, 12]);
  for (const goOn of hung.values()) goOn();
  expect(await Promise.all(hanging)).toEqual([0, 2, 4, 6]);
});
