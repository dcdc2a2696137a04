// What is older than its retention is deleted by whole hours, the oldest first. So of calls and callbacks all those are
// there that came after the hour of the oldest one, and in any case those of the last day: nothing is kept for less.
const since = (oldest: string) =>
  `least(date_trunc('hour', coalesce((${oldest}), 'infinity'), 'UTC') + interval '1 hour', now() - interval '1 day')`;

/** The moment from which on all calls are there: a session made since then has all of its own. */
export const ALL_CALLS_SINCE = since('select min(started_at) from calls');
/** The same of callbacks. */
export const ALL_CALLBACKS_SINCE = since('select min(occurred_at) from callbacks');
