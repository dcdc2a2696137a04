import type { TestProject } from 'vitest/node';
import { buildService } from '../../built.ts';

/** Compiles the service once; its database is each run's own, since it is to be killed. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const cleanups: (() => Promise<unknown>)[] = [];
  project.provide('builtService', await buildService(cleanups));
  return async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
  };
}
