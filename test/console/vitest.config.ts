import { mergeConfig } from 'vitest/config';
import base from '../../vitest.config.ts';

/** `npm run screenshot`: the README's picture, taken anew; `npm run bench:console`: pages with much behind them. */
export default {
  ...mergeConfig(base, {}),
  test: { ...base.test, include: ['test/console/readme.shot.ts', 'test/console/many.bench.ts'] },
};
