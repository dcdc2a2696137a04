import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Candidate, rankCandidates } from '../../src/core/pool.ts';

const candidates = fc
  .array(fc.tuple(fc.boolean(), fc.boolean()), { maxLength: 12 })
  .map((list) =>
    list.map(
      ([takesAnyone, isCrowded], id): Candidate => ({ id, number: `+1415555${1000 + id}`, takesAnyone, isCrowded }),
    ),
  );
const chance = fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }));

const ranked = (list: readonly Candidate[], stream: Iterator<number>) =>
  rankCandidates(list, (below) => Math.floor(Number(stream.next().value) * below));

describe('the order of candidate numbers', () => {
  it('holds each candidate once and invents none', () => {
    fc.assert(
      fc.property(candidates, chance, (list, stream) => {
        const before = [...list];
        const order = ranked(list, stream);
        expect([...order].sort((a, b) => a.id - b.id)).toEqual(before);
        expect(list, 'the list given is left as it was').toEqual(before);
      }),
    );
  });

  it('puts numbers that take anyone behind all others, and before them those crowded with PINs', () => {
    fc.assert(
      fc.property(candidates, chance, (list, stream) => {
        const kinds = ranked(list, stream).map((one) => 2 * Number(one.takesAnyone) + Number(one.isCrowded));
        expect(kinds).toEqual([...kinds].sort());
      }),
    );
  });

  it('is left to chance otherwise, so that creates at the same time do not queue for one number', () => {
    const three = [0, 1, 2].map((id) => ({ id, number: `+1415555100${id}`, takesAnyone: false, isCrowded: false }));
    const orders = new Map<string, number>();
    let state = 1;
    const random = (below: number) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    for (let i = 0; i < 6_000; i++) {
      const order = rankCandidates(three, random)
        .map(({ id }) => id)
        .join('');
      orders.set(order, (orders.get(order) ?? 0) + 1);
    }
    expect(orders.size).toBe(6);
    for (const count of orders.values()) expect(count).toBeGreaterThan(800);
  });
});
