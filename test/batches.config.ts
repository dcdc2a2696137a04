import { defineConfig } from 'vitest/config';

/** The races once more, with two callers to a statement and with one: `npm run test:batches`; the suite has 64. */
const RACES = [
  'allocation',
  'call-orders',
  'call-races',
  'call-reports',
  'expiry-races',
  'party-races',
  'refused-step',
];

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    projects: ['1', '2'].map((batch) => ({
      extends: true,
      test: {
        name: `batches of ${batch}`,
        include: [...RACES.map((race) => `test/store/${race}.test.ts`), 'test/fault/webhook-storm.test.ts'],
        globalSetup: 'test/global-setup.ts',
        env: { TEST_BATCH: batch },
      },
    })),
  },
});
