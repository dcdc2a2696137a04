import { once } from 'node:events';
import { reasonOf } from '../open-database.ts';
import { isOutage } from '../service/health.ts';
import { accounts, tokens } from './accounts.ts';
import { invariants, totals } from './checks.ts';
import { Failed, find, type Group, Misused } from './command.ts';
import { importCommand } from './import.ts';
import { numbers } from './numbers.ts';
import { withStore } from './open.ts';
import { providers } from './providers.ts';
import { exportCommand, sessions } from './sessions.ts';

const STATEMENT_TIMEOUT_MS = 60_000;

const root: Group = {
  about: "What an operator does at the machine, on the store of the service's settings, also while it runs.",
  commands: {
    ...{ accounts, tokens, numbers, providers, sessions, totals, invariants },
    import: importCommand,
    export: exportCommand,
  },
};

/** @returns what the process ends with. */
async function main(line: readonly string[]): Promise<0 | 1> {
  const found = find(root, line);
  if ('help' in found) {
    process.stdout.write(found.help);
    return 0;
  }
  const { command, given } = found;
  return withStore(command.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS, async (deps) => {
    const outcome = await command.run(deps, given);
    if ('lines' in outcome) {
      for await (const one of outcome.lines) {
        if (!process.stdout.write(`${JSON.stringify(one)}\n`)) await once(process.stdout, 'drain');
      }
      return 0;
    }
    process.stdout.write(`${given.switches.has('json') ? JSON.stringify(outcome.json, null, 2) : outcome.text}\n`);
    return outcome.isWhole === false ? 1 : 0;
  });
}

/** What went wrong, in words where there are some. */
function wordsFor(error: unknown): string {
  if (error instanceof Failed) return error.message;
  if (error instanceof Misused) return `${error.message}\n--help says what there is.`;
  return isOutage(error) ? 'The database cannot be reached.' : reasonOf(error);
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${wordsFor(error)}\n`);
  return error instanceof Misused ? 2 : 1;
});
