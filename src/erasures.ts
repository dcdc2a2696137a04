import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readConfig } from './config.ts';
import { describeError } from './log.ts';
import { applyErasure, exportErasures } from './service/erasure.ts';
import { connect, type Db, disconnect } from './store/connect.ts';
import { startEmbedded } from './store/embedded.ts';
import { runningUrl } from './store/embedded-url.ts';
import type { Erasure } from './store/erasures.ts';
import { prepareKeys } from './store/key-ring.ts';
import { openVault } from './store/vault.ts';

const USAGE = 'Usage: npm run erasures -- export FILE | apply FILE\n';
const STATEMENT_TIMEOUT_MS = 60_000;

/** Keeps the list of what was erased outside the database, and erases it again after a backup was restored. */
async function main([verb, file]: readonly string[]): Promise<number> {
  if ((verb !== 'export' && verb !== 'apply') || file === undefined) return fail(USAGE);
  const config = readConfig(process.env);
  const directory = join(config.dataDir, 'pg');
  const running = config.databaseDirectUrl ?? config.databaseUrl ?? runningUrl(directory);
  const server = running === null ? await startEmbedded({ directory }) : null;
  const db = connect(running ?? server?.url ?? '', { connections: 2, statementTimeoutMs: STATEMENT_TIMEOUT_MS });
  try {
    if (verb === 'export') return await exportTo(db, file);
    const keys = await prepareKeys(db, { current: config.masterKey, previous: config.masterKeyPrevious });
    if (keys === null) return fail('MASTER_KEY is not the key that this database was written with\n');
    const vault = openVault(keys);
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
  } finally {
    await disconnect(db, 1);
    await server?.stop();
  }
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

// The driver's own errors may repeat what was sent.
process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) =>
  fail(`${JSON.stringify(describeError(error))}\n`),
);
