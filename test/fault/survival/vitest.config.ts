import { defineConfig } from 'vitest/config';

/** What must survive, under everything that can go wrong: `npm run test:fault`, or `test:fault:quick`. */
export default defineConfig({
  test: {
    include: ['test/fault/survival/*.fault.ts'],
    globalSetup: 'test/fault/survival/setup.ts',
    pool: 'forks',
    testTimeout: 600_000,
    hookTimeout: 120_000,
    reporters: ['verbose'],
    disableConsoleIntercept: true,
  },
});
