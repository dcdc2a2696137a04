import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const read = (file: string) => readFileSync(file, 'utf8');
const cured = /## When something is refused(.*?)\n## /s.exec(read('README.md'))?.[1] ?? '';
const texts = ['src/http/problems.ts', 'src/http/webhook.ts', 'src/http/answer.ts'].flatMap((file) =>
  [...read(file).matchAll(/(?:text: |\d{3}: |sendError\([^;]*?\d{3}, |refusal\(\d{3}, )['`]([^'`]+)['`]/gs)].map(
    ([, text = '']) => text,
  ),
);

describe('a refusal', () => {
  it.each([...new Set(texts)])('is in the README with what to do: %s', (text) => {
    // What is filled in is shown as an ellipsis there.
    const parts = text.split(/\$\{[^}]*\}/).map((part) => part.trim());
    for (const part of parts) expect(cured).toContain(part.replace(/^\.$/, ''));
  });

  it('of every status is looked at', () => {
    expect(new Set(texts).size).toBeGreaterThan(20);
  });
});
