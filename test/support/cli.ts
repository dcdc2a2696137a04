import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { builtService } from '../built.ts';
import { MASTER_KEY, type TestService } from './service.ts';

/** `npm run bauta -- …` as it ships, on the store of a service. */
export function bauta(
  { databaseUrl, url }: TestService,
  ...line: readonly string[]
): Promise<{ code: number; out: string; err: string }> {
  const env = {
    PATH: process.env.PATH,
    DATABASE_URL: databaseUrl,
    MASTER_KEY: MASTER_KEY.toString('hex'),
    PUBLIC_URL: url,
  };
  return new Promise((resolve) => {
    const command = [path.join(builtService(), 'cli/bauta.js'), ...line];
    execFile(process.execPath, command, { env, maxBuffer: 64 << 20 }, (error, out, err) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err });
    });
  });
}

/** A file with this in it, while the work is done. */
export async function withFile<T>(text: string, work: (file: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(path.join(tmpdir(), 'bauta-cli-'));
  const file = path.join(directory, 'file');
  writeFileSync(file, text);
  return work(file).finally(() => rmSync(directory, { recursive: true }));
}
