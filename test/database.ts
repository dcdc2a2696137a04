import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { inject } from 'vitest';

/** The migrated database that every test's own is a copy of. */
export const TEMPLATE = 'bauta_template';

const OBJECT_IN_USE = '55006';
const TRIES = 50;

/** A database of the test's own, with every migration applied and no rows. */
export async function freshDatabase(): Promise<{ url: string; drop(): Promise<void> }> {
  const adminUrl = inject('adminUrl');
  const name = `test_${process.pid}_${randomBytes(6).toString('hex')}`;
  await withAdmin(adminUrl, async (admin) => {
    await copyTemplate(admin, name);
    // Sooner than anybody gives up waiting, or nobody would know that they waited for each other.
    await admin`alter database ${admin(name)} set deadlock_timeout = '100ms'`;
  });
  return {
    url: databaseUrl(adminUrl, name),
    drop: () => withAdmin(adminUrl, (admin) => admin`drop database if exists ${admin(name)} with (force)`),
  };
}

/** The same server, another database. */
export function databaseUrl(url: string, name: string): string {
  return Object.assign(new URL(url), { pathname: `/${name}` }).href;
}

async function copyTemplate(admin: postgres.Sql, name: string): Promise<void> {
  for (let left = TRIES; ; left -= 1) {
    try {
      await admin`create database ${admin(name)} template ${admin(TEMPLATE)}`;
      return;
    } catch (error) {
      // Only one copy of a database can be made at a time.
      const isTaken = error instanceof postgres.PostgresError && error.code === OBJECT_IN_USE;
      if (!isTaken || left === 0) throw error;
      await sleep(20 + Math.random() * 80);
    }
  }
}

async function withAdmin(adminUrl: string, work: (admin: postgres.Sql) => Promise<unknown>): Promise<void> {
  const admin = postgres(adminUrl, { max: 1, onnotice: () => {} });
  try {
    await work(admin);
  } finally {
    await admin.end();
  }
}
