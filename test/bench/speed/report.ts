import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { type Row, tableOf, verdict } from './rows.ts';
import type { World } from './world.ts';

const [BEGIN, END] = ['<!-- speed -->\n', '<!-- /speed -->'];
const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));

/** Writes the results beside the bench, and prints them. `inReadme` says whether the README shows them from now on. */
export async function report(world: World, { inReadme }: { readonly inReadme: boolean }): Promise<void> {
  const [row] = await world.house.sql<{ version: string }[]>`select current_setting('server_version') as version`;
  const results = {
    at: new Date().toISOString(),
    form: world.isQuick ? 'quick' : 'whole',
    machine: {
      cores: availableParallelism(),
      processor: cpus()[0]?.model ?? 'unknown',
      memoryGigabytes: Math.round(totalmem() / 2 ** 30),
      loadAverages: loadavg().map((load) => Number(load.toFixed(1))),
    },
    node: process.version,
    postgres: row?.version ?? '',
    rows: world.rows.map((one) => ({ ...one, verdict: verdict(one) })),
  };
  const table = tableOf(world.rows);
  const name = world.isQuick ? 'results.quick' : 'results';
  writeFileSync(here(`../${name}.json`), `${JSON.stringify(results, null, 2)}\n`);
  writeFileSync(here(`../${name}.md`), `${table}\n`);
  process.stdout.write(`\n${table}\n`);
  if (!inReadme) return;
  const { cores, processor, memoryGigabytes, loadAverages } = results.machine;
  const said = `Measured ${results.at.slice(0, 10)}, ${results.form} form, on ${cores} cores (${processor}), ${memoryGigabytes} GB, which the load
and PostgreSQL shared; load averages at its end ${loadAverages.join(', ')}. Node ${results.node}, PostgreSQL ${results.postgres}.`;
  intoReadme(`${said}\n\n${table}\n`);
}

/** The rows of the last whole run, as they are committed. */
export function lastRun(): readonly Row[] {
  return JSON.parse(readFileSync(here('../results.json'), 'utf8')).rows;
}

function intoReadme(text: string): void {
  const file = here('../../../README.md');
  const readme = readFileSync(file, 'utf8');
  const [from, to] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (from < 0 || to < from) throw new Error('the README has no place for the table');
  writeFileSync(file, `${readme.slice(0, from)}${BEGIN}\n${text}\n${readme.slice(to)}`);
}
