import { defineConfig } from 'vitest/config';

/** What the suite is worth: bugs put in on purpose, each of which it has to find. `npm run test:mutants`. */
export default defineConfig({
  test: {
    include: ['test/mutants/*.mutant.ts'],
    pool: 'forks',
    testTimeout: 600_000,
    hookTimeout: 600_000,
    reporters: ['verbose'],
    disableConsoleIntercept: true,
  },
});
