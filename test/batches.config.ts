import { defineConfig } from 'vitest/config';

// `npm run test:batches`: the races with as many callers to a statement as `TEST_BATCH` says, of the two longest a sixth.
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
    include: [...RACES.map((race) => `test/store/${race}.test.ts`), 'test/fault/webhook-storm.test.ts'],
    globalSetup: 'test/global-setup.ts',
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
