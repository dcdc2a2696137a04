import { spawnSync } from 'node:child_process';

/*
 * npm run bench -- [--quick] [--check]: measures the service beside its yardsticks.
 *   --quick  ends within three minutes; the growth is then up to 100 000 sessions, and what takes long is left out.
 *   --check  ends with 1 where a ratio is below half of its target and was not in the last whole run, and leaves the
 *            README's table as it is.
 */

const known = ['--quick', '--check'];
const given = process.argv.slice(2);
const stranger = given.find((one) => !known.includes(one));
if (stranger !== undefined) {
  process.stderr.write(`${stranger} is not known; there are ${known.join(' and ')}.\n`);
  process.exit(2);
}
const { status } = spawnSync('npx', ['vitest', 'run', '--config', 'test/bench/vitest.config.ts', 'speed'], {
  env: { ...process.env, BENCH: given.join(' ') },
  stdio: 'inherit',
});
process.exit(status ?? 1);
