/** A line of the table. */
export interface Row {
  readonly what: string;
  /** Null where it could not be measured. */
  readonly figure: number | null;
  readonly unit: 'ratio' | 'a second' | 'ms' | 's' | 'MB' | '%';
  readonly target?: { readonly atLeast: number } | { readonly atMost: number };
  /** How it came about: the figures behind a ratio, or why there is none. */
  readonly how: string;
}

/** `reached`, or by how much not; '' where nothing was promised. */
export function verdict({ figure, target }: Row): string {
  if (figure === null) return 'not measured';
  if (target === undefined) return '';
  if ('atLeast' in target) {
    const share = figure / target.atLeast;
    return share >= 1 ? 'reached' : `missed by ${Math.ceil(100 * (1 - share))} %`;
  }
  const times = figure / target.atMost;
  if (times <= 1) return 'reached';
  return times < 2 ? `missed by ${Math.ceil(100 * (times - 1))} %` : `missed: ${rounded(times)} times as much`;
}

/**
 * What a check fails on: ratios below half of their target, which is too much for a noisy machine to have done, but for
 * those that the last whole run had so low as well.
 */
export function newlyFarBelow(rows: readonly Row[], lastRun: readonly Row[]): readonly string[] {
  const known = new Set(lastRun.filter(isFarBelow).map(({ what }) => what));
  return rows.filter((row) => isFarBelow(row) && !known.has(row.what)).map(({ what, how }) => `${what}: ${how}`);
}

function isFarBelow({ unit, figure, target }: Row): boolean {
  return (
    unit === 'ratio' && target !== undefined && 'atLeast' in target && figure !== null && figure < target.atLeast / 2
  );
}

export function tableOf(rows: readonly Row[]): string {
  const lines = rows.map((row) => {
    const { what, figure, unit, target, how } = row;
    const shown = figure === null ? '' : withUnit(figure, unit);
    const wanted =
      target && ('atLeast' in target ? `≥ ${withUnit(target.atLeast, unit)}` : `≤ ${withUnit(target.atMost, unit)}`);
    return `| ${what} | ${shown} | ${wanted ?? ''} | ${verdict(row)} | ${how.replace(/[|\s]+/g, ' ')} |`;
  });
  return ['| | reached | target | verdict | |', '|---|---|---|---|---|', ...lines].join('\n');
}

/** Three digits that count. */
export function rounded(figure: number): string {
  if (figure >= 100) return String(Math.round(figure)).replace(/\B(?=(\d{3})+$)/g, ' ');
  return String(Number(figure.toPrecision(3)));
}

function withUnit(figure: number, unit: Row['unit']): string {
  return unit === 'ratio' ? rounded(figure) : `${rounded(figure)} ${unit}`;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low, high] = [sorted[sorted.length % 2 ? middle : middle - 1], sorted[middle]];
  if (low === undefined || high === undefined) throw new Error('the median of nothing');
  return (low + high) / 2;
}
