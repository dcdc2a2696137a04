import cron, { type ScheduledTask } from 'node-cron';
import type { Deps } from '../deps.ts';
import type { Dispatcher } from '../service/callbacks.ts';
import { expireSessions } from '../service/expiry.ts';

const EVERY_SECOND = '* * * * * *';

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
    { name: 'send callbacks', schedule: EVERY_SECOND, verb: async () => dispatcher.wake() },
  ];
  const running = new Set<Promise<unknown>>();
  const tasks = jobs.map(({ name, schedule, verb }): ScheduledTask => {
    const run = async () => {
      const work = verb().catch((error) => deps.log.warn({ err: error, job: name }, 'job.failed'));
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
