import type { SessionFilter } from './session-filter.ts';

/** Which part of a list is asked for. */
export interface ListPage {
  readonly limit: number;
  readonly offset: number;
}

// To count a million takes most of a second, and nobody pages by that figure. Where each one's calls have to be looked
// up it takes five times as long.
const COUNTED_BEYOND = 10_000;
const COUNTED_BEYOND_BY_CALLS = 2_000;

/**
 * How far a list of sessions is counted for a page: a total of so many means so many or more, so there is always a next
 * page.
 */
export function countedUpTo({ limit, offset }: ListPage, { status }: Pick<SessionFilter, 'status'>): number {
  const isByCalls = status === 'active' || status === 'in-progress';
  return offset + limit + (isByCalls ? COUNTED_BEYOND_BY_CALLS : COUNTED_BEYOND);
}
