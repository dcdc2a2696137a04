import type { Figures } from './house.ts';

const COLUMNS: readonly [head: string, cell: (figures: Figures) => string][] = [
  ['fault', ({ fault }) => fault],
  ['acknowledged', ({ acknowledged }) => String(acknowledged)],
  ['refused', ({ refused }) => String(refused)],
  ['unknown', ({ unknown }) => String(unknown)],
  ['lost', ({ lost }) => String(lost)],
  ['doubled', ({ doubled }) => String(doubled)],
  ['half-done', ({ halfDone }) => String(halfDone)],
  ['apologies', ({ apologies }) => String(apologies)],
  ['max answer ms', ({ longestAnswerMs }) => String(longestAnswerMs)],
  ['lag ms', ({ lagMs }) => String(lagMs)],
  ['crowd', ({ crowd }) => crowd.toFixed(1)],
  ['recovery s', ({ recoverySeconds }) => recoverySeconds.toFixed(1)],
  ['', ({ missed }) => (missed.length === 0 ? 'ok' : 'MISSED')],
];

/** Figures as people read them, a line for each fault. */
export function tableOf(all: readonly Figures[]): string {
  const rows = [COLUMNS.map(([head]) => head), ...all.map((figures) => COLUMNS.map(([, cell]) => cell(figures)))];
  const widths = COLUMNS.map((_, i) => Math.max(...rows.map((row) => (row[i] ?? '').length)));
  const line = (row: readonly string[]) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ');
  return rows.map(line).join('\n');
}
