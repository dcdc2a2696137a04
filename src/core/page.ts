/** Which part of a list is asked for. */
export interface ListPage {
  readonly limit: number;
  readonly offset: number;
}

// To count a million takes most of a second, and nobody pages by that figure.
const COUNTED_BEYOND = 10_000;

/** How far a list is counted for a page: a total of so many means so many or more, so there is always a next page. */
export function countedUpTo({ limit, offset }: ListPage): number {
  return offset + limit + COUNTED_BEYOND;
}
