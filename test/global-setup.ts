import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import postgres from 'postgres';
import type { TestProject } from 'vitest/node';
import { startEmbedded } from '../src/store/embedded.ts';
import { migrate } from '../src/store/migrate.ts';
import { buildService } from './built.ts';
import { databaseUrl, TEMPLATE } from './database.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Connects to the server of this run as somebody who may create databases. */
    adminUrl: string;
    /** The folder with the compiled `src`. */
    builtService: string;
  }
}

type Cleanup = () => Promise<unknown>;

/** One PostgreSQL, one migrated template database and one compiled service per run; all gone afterwards. */
export default async function setup(project: TestProject): Promise<Cleanup> {
  const cleanups: Cleanup[] = [];
  const teardown = async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  };
  try {
    project.provide('builtService', await buildService(cleanups));
    const adminUrl = process.env.TEST_DATABASE_URL ?? (await startDatabase(cleanups));
    await makeTemplate(adminUrl, cleanups);
    project.provide('adminUrl', adminUrl);
  } catch (error) {
    await teardown();
    throw error;
  }
  return teardown;
}

async function startDatabase(cleanups: Cleanup[]): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'bauta-test-'));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o711); // run by root, PostgreSQL is nobody and has to pass through
  const server = await startEmbedded({ directory: path.join(folder, 'pg'), durable: false });
  cleanups.push(server.stop);
  return server.url;
}

async function makeTemplate(adminUrl: string, cleanups: Cleanup[]): Promise<void> {
  const admin = postgres(adminUrl, { max: 1, onnotice: () => {} });
  cleanups.push(async () => {
    await admin`drop database if exists ${admin(TEMPLATE)} with (force)`;
    await admin.end();
  });
  await admin`drop database if exists ${admin(TEMPLATE)} with (force)`;
  await admin`create database ${admin(TEMPLATE)}`;
  await migrate(databaseUrl(adminUrl, TEMPLATE), async () => {});
}
