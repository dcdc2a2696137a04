import { expect, it } from 'vitest';
import { newlyFarBelow, type Row } from './rows.ts';

const row = (what: string, figure: number | null, more: Partial<Row> = {}): Row => {
  return { what, figure, unit: 'ratio', target: { atLeast: 0.8 }, how: 'so and so', ...more };
};

it('fails on a ratio below half of its target, and not on one that the last whole run had so low', () => {
  const last = [row('known', 0.1), row('better once', 0.5), row('never', null)];
  const rows = [row('known', 0.2), row('better once', 0.39), row('new', 0.1), row('never', 0.3), row('enough', 0.41)];
  expect(newlyFarBelow(rows, last)).toEqual(['better once: so and so', 'new: so and so', 'never: so and so']);
});

it('fails on nothing that a busy machine does, or that was not measured', () => {
  const rows = [
    row('time', 90, { unit: 'ms', target: { atMost: 5 } }),
    { what: 'without a target', figure: 0.1, unit: 'ratio', how: '' } as const,
    row('not measured', null),
  ];
  expect(newlyFarBelow(rows, [])).toEqual([]);
});
