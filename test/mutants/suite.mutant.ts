import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Change, SEEDS } from './seeds.ts';

const COPIED = [
  'src',
  'test',
  'drizzle',
  'openapi',
  'package.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'vitest.config.ts',
];

let copy: string;

beforeAll(() => {
  copy = mkdtempSync(path.join(tmpdir(), 'bauta-mutant-'));
  for (const name of COPIED) cpSync(name, path.join(copy, name), { recursive: true });
  symlinkSync(path.resolve('node_modules'), path.join(copy, 'node_modules'));
});
afterAll(() => rmSync(copy, { recursive: true }));

function seed({ file, from, to }: Change): () => void {
  const place = path.join(copy, file);
  const text = readFileSync(place, 'utf8');
  const [before = '', after, ...more] = text.split(from);
  if (after === undefined || more.length > 0) throw new Error(`not once in ${file}: ${from}`);
  writeFileSync(place, before + to + after);
  return () => writeFileSync(place, text);
}

/** What the suite says of the copy: only tests that ran and failed count, not files that could not be loaded. */
function verdict(tests: readonly string[]): { passed: number; failed: string[]; unread: number } {
  const run = spawnSync('npx', ['vitest', 'run', '--reporter=json', ...tests], { cwd: copy, encoding: 'utf8' });
  const report = JSON.parse(run.stdout.slice(run.stdout.indexOf('{"num'))) as Report;
  const all = report.testResults.flatMap(({ assertionResults }) => assertionResults);
  return {
    passed: all.filter(({ status }) => status === 'passed').length,
    failed: all.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName),
    unread: report.testResults.filter(({ assertionResults }) => assertionResults.length === 0).length,
  };
}

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

describe('the suite', () => {
  it('is green without a bug', () => {
    const found = verdict([...new Set(SEEDS.flatMap(({ tests }) => tests))]);
    expect(found).toMatchObject({ failed: [], unread: 0 });
    expect(found.passed).toBeGreaterThan(0);
  });

  it.each(SEEDS)('is red where $bug', ({ bug, changes, tests }) => {
    const undo = changes.map(seed);
    try {
      const { failed, unread } = verdict(tests);
      process.stdout.write(`${bug}: ${failed.length} red, such as ${JSON.stringify(failed[0])}\n`);
      expect(unread).toBe(0);
      expect(failed).not.toEqual([]);
    } finally {
      for (const mend of undo) mend();
    }
  });
});
