import cron, { type ScheduledTask } from 'node-cron';
import type { Deps } from '../deps.ts';
import { forgetSignIns } from '../service/accounts.ts';
import { sweepCalls } from '../service/call-sweep.ts';
import type { Dispatcher } from '../service/callbacks.ts';
import { tidyEndpoints } from '../service/endpoints.ts';
import { purgeExchanges } from '../service/exchanges.ts';
import { expireSessions } from '../service/expiry.ts';
import { refreshKeys, resealAll } from '../service/keys.ts';
import { settleAbandoned } from '../service/placements.ts';
import { eraseOld, purgeOld } from '../service/retention.ts';
import { foldTallies } from '../service/totals.ts';

const EVERY_SECOND = '* * * * * *';
const EVERY_FIVE_SECONDS = '1-59/5 * * * * *';
const EVERY_TEN_SECONDS = '7-59/10 * * * * *';
const EVERY_TEN_MINUTES = '14 */10 * * * *';
// A fold costs by what differs among its tallies, so few large ones are cheaper; totals read what is not folded as well.
// Not in the seconds of the other jobs, which a caller would feel together.
const FOLDING = '3-59/5 * * * * *';
const EVERY_HALF_MINUTE = '2-59/30 * * * * *';

/** Everything that happens by the clock. Each job may run on several instances at once. */
export function startTimetable(deps: Deps, dispatcher: Dispatcher): { stop(): Promise<void> } {
  const jobs: readonly { name: string; schedule: string; verb: () => Promise<unknown> }[] = [
    {
      name: 'expire sessions',
      schedule: deps.config.expirySchedule,
      verb: async () => {
        if ((await expireSessions(deps)) > 0) dispatcher.wake();
      },
    },
    { name: 'close overdue calls', schedule: EVERY_HALF_MINUTE, verb: () => sweepCalls(deps) },
    { name: 'place calls', schedule: EVERY_SECOND, verb: async () => deps.placer.wake() },
    { name: 'settle abandoned placements', schedule: EVERY_FIVE_SECONDS, verb: () => settleAbandoned(deps) },
    { name: 'fold tallies', schedule: FOLDING, verb: () => foldTallies(deps) },
    { name: 'hold back what is paused', schedule: EVERY_FIVE_SECONDS, verb: () => tidyEndpoints(deps) },
    { name: 'forget wrong credentials', schedule: EVERY_HALF_MINUTE, verb: () => forgetSignIns(deps) },
    { name: 'purge exchanges', schedule: EVERY_TEN_MINUTES, verb: () => purgeExchanges(deps) },
    { name: 'erase who took part long ago', schedule: EVERY_TEN_MINUTES, verb: () => eraseOld(deps) },
    { name: 'delete what is kept no longer', schedule: EVERY_TEN_MINUTES, verb: () => purgeOld(deps) },
    { name: 'count refused webhooks', schedule: EVERY_TEN_SECONDS, verb: () => deps.signatureFailures.flush() },
    { name: 'read the keys again', schedule: EVERY_TEN_SECONDS, verb: () => refreshKeys(deps) },
    { name: 'seal anew', schedule: EVERY_TEN_SECONDS, verb: () => resealAll(deps) },
    { name: 'send callbacks', schedule: EVERY_SECOND, verb: async () => dispatcher.wake() },
  ];
  for (const { name } of jobs) deps.metrics.jobFailures.inc({ name }, 0);
  const running = new Set<Promise<unknown>>();
  const tasks = jobs.map(({ name, schedule, verb }): ScheduledTask => {
    const run = async () => {
      const work = verb().catch((error) => {
        deps.metrics.jobFailures.inc({ name });
        deps.log.warn({ err: error, job: name }, 'job.failed');
      });
      running.add(work);
      await work.finally(() => running.delete(work));
    };
    return cron.schedule(schedule, run, { name, noOverlap: true, logger: QUIET });
  });
  return {
    async stop() {
      await Promise.all(tasks.map((task) => task.stop()));
      await Promise.all(running);
    },
  };
}

// A run that is skipped since the last one still works is no news.
const QUIET = { info: () => {}, warn: () => {}, error: () => {}, debug: () => {} };
