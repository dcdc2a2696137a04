import { readFileSync, writeFileSync } from 'node:fs';
import { openKeys, runCommand, withDatabase } from './open-database.ts';
import { applyErasure, exportErasures } from './service/erasure.ts';
import type { Db } from './store/connect.ts';
import type { Erasure } from './store/erasures.ts';
import { openVault } from './store/vault.ts';

const USAGE = 'Usage: npm run erasures -- export FILE | apply FILE\n';
const STATEMENT_TIMEOUT_MS = 60_000;

/** Keeps the list of what was erased outside the database, and erases it again after a backup was restored. */
async function main([verb, file]: readonly string[]): Promise<number> {
  if ((verb !== 'export' && verb !== 'apply') || file === undefined) return fail(USAGE);
  return withDatabase(STATEMENT_TIMEOUT_MS, async (db, config) => {
    if (verb === 'export') return exportTo(db, file);
    const vault = openVault(await openKeys(db, config));
    const sum = { sessions: 0, calls: 0, exchanges: 0 };
    const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
    for (const line of lines) {
      const { sessions, calls, exchanges } = await applyErasure({ db, vault, now: () => new Date() }, read(line));
      sum.sessions += sessions;
      sum.calls += calls;
      sum.exchanges += exchanges;
    }
    process.stdout.write(
      `${lines.length} erasures applied: ${sum.sessions} sessions, ${sum.calls} calls and ${sum.exchanges} exchanges were erased again.\n`,
    );
    return 0;
  });
}

async function exportTo(db: Db, file: string): Promise<number> {
  const erasures = await exportErasures({ db });
  // Nobody can tell a phone from it without the digest key; a line names an account all the same.
  writeFileSync(file, erasures.map((erasure) => `${write(erasure)}\n`).join(''), { mode: 0o600, flush: true });
  process.stdout.write(`${erasures.length} erasures written to ${file}.\n`);
  return 0;
}

/** A line of the file. */
function write(erasure: Erasure): string {
  const { accountId: account, at } = erasure;
  const what = 'sessionId' in erasure ? { session: erasure.sessionId } : { phone: erasure.phoneDigest.toString('hex') };
  return JSON.stringify({ account, at: at.toISOString(), ...what });
}

function read(line: string): Erasure {
  const { account, at, session, phone } = JSON.parse(line) as Record<string, string>;
  const same = { accountId: account ?? '', at: new Date(at ?? '') };
  return session === undefined
    ? { ...same, phoneDigest: Buffer.from(phone ?? '', 'hex') }
    : { ...same, sessionId: session };
}

function fail(text: string): number {
  process.stderr.write(text);
  return 1;
}

await runCommand(() => main(process.argv.slice(2)));
