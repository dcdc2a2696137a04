import { defineConfig } from 'vitest/config';

/** Measurements, which take minutes and prove no guarantee: `npm run bench`, `npm run bench:totals`. */
export default defineConfig({
  test: {
    include: ['test/bench/*.bench.ts'],
    globalSetup: 'test/fault/survival/setup.ts',
    testTimeout: 0,
    hookTimeout: 0,
    disableConsoleIntercept: true,
  },
});
