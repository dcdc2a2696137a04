import { type Cell, cover, type Grouping, type HourRange, startOf } from '../core/totals.ts';

/** A stored period that a question about totals reads. */
export interface PlannedCell extends Cell {
  /** What it is read for. */
  readonly part: 'total' | 'group';
  /** The group that its sums belong to where groups are times; else '' and they belong to that of their key. */
  readonly label: string;
  /** Before the range: only for the sessions that were active when it began. */
  readonly isBefore: boolean;
}

export interface TotalsPlan {
  /** Of the groups; the total is read from `all`. */
  readonly dimension: string;
  readonly cells: readonly PlannedCell[];
  /** What lies before the cells is read by month, for whole parts. */
  readonly monthsBefore: Date;
  readonly partsBefore: readonly PlannedCell['part'][];
}

/** Which sums answer a question: as few periods as make up its range, and what came before. */
export function planTotals(range: HourRange, grouping: Grouping): TotalsPlan {
  const byTime = grouping === 'hour' || grouping === 'day';
  const hasParts = !byTime && grouping !== 'none';
  const parts = hasParts ? (['total', 'group'] as const) : (['total'] as const);
  const monthsBefore = startOf('month', range.from);
  const before = cover({ from: monthsBefore, to: range.from }, 'day');
  const within = cover(range, 'month');
  return {
    dimension: hasParts ? grouping : 'all',
    monthsBefore,
    partsBefore: parts,
    cells: [
      ...parts.flatMap((part) => before.map((cell) => ({ ...cell, part, label: '', isBefore: true }))),
      ...parts.flatMap((part) => within.map((cell) => ({ ...cell, part, label: '', isBefore: false }))),
      ...(byTime ? cover(range, grouping) : []).map((cell) => {
        const label = timeKey(grouping, startOf(byTime ? grouping : 'hour', cell.period));
        return { ...cell, part: 'group' as const, label, isBefore: false };
      }),
    ],
  };
}

/** A day or an hour as a key that sorts as its time. */
function timeKey(grouping: Grouping, at: Date): string {
  const text = at.toISOString();
  return grouping === 'day' ? text.slice(0, 10) : `${text.slice(0, 19)}Z`;
}
