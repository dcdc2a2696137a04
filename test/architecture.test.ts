import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

const SRC = 'src';

/** Which rooms each room may import; `types` may be imported as types only. The map is src/README.md. */
const MAY_IMPORT: Readonly<Record<string, { rooms: readonly string[]; types?: readonly string[] }>> = {
  core: { rooms: ['core'] },
  dialects: { rooms: ['dialects', 'core'] },
  store: { rooms: ['store', 'core'] },
  outbound: { rooms: ['outbound', 'core'] },
  simulator: { rooms: ['simulator', 'core'] },
  service: { rooms: ['service', 'core', 'store', 'simulator'], types: ['', 'outbound', 'dialects'] },
  http: { rooms: ['http', 'service', 'core', 'dialects'], types: [''] },
  jobs: { rooms: ['jobs', 'service', 'core'], types: [''] },
  cli: { rooms: ['cli', 'service', 'http', 'core', 'store', ''] },
  // What runs in the browser: of the server it may know nothing but types.
  console: { rooms: ['console'], types: ['core', 'http'] },
  '': { rooms: ['', 'core', 'dialects', 'store', 'outbound', 'simulator', 'service', 'http', 'jobs'] },
};

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.tsx?$/.test(name))
  .map((name) => ({
    name,
    room: name.includes('/') ? dirname(name) : '',
    text: readFileSync(join(SRC, name), 'utf8'),
  }));

function imports({ name, text }: { name: string; text: string }) {
  return [...text.matchAll(/^import (type )?[^;]*?from '(\.[^']+)';/gm)].map(([, type, target]) => {
    const path = relative(SRC, join(SRC, dirname(name), target ?? ''));
    return { path, room: path.includes('/') ? dirname(path) : '', isType: type !== undefined };
  });
}

describe('the house', () => {
  it.each(files)('$name imports only what its room may', (file) => {
    const rule = MAY_IMPORT[file.room];
    expect(rule, `a room without a rule: ${file.room}`).toBeDefined();
    const strangers = imports(file).filter(
      ({ room, isType }) => !rule?.rooms.includes(room) && !(isType && rule?.types?.includes(room)),
    );
    expect(strangers).toEqual([]);
  });

  it.each(files.filter(({ room }) => room === 'core' || room === 'dialects'))(
    '$name asks neither clock nor chance nor environment',
    ({ text }) => {
      expect(text).not.toMatch(
        /Date\.now|new Date\(\)|Math\.random|process\.|performance\.now|randomBytes|randomUUID|node:(fs|net|http)/,
      );
    },
  );

  it.each(files.filter(({ name }) => name !== 'store/migrate.ts'))('$name opens no transaction block', ({ text }) => {
    expect(text).not.toMatch(/\.begin\(|\.transaction\(/);
  });

  it('has files that are read at one go: half of them under 90 lines, none over 250', () => {
    const lengths = files.map(({ text }) => text.split('\n').length).sort((a, b) => a - b);
    expect(lengths[Math.floor(lengths.length / 2)]).toBeLessThan(90);
    // All words of the console, one after the other: a list, and no code.
    const read = files.filter(({ name }) => name !== 'console/texts.ts');
    expect(read.filter(({ text }) => text.split('\n').length > 251).map(({ name }) => name)).toEqual([]);
  });

  it('has a simulator that knows documents and nothing of plans', () => {
    const known = files.filter(({ room }) => room === 'simulator').flatMap((file) => imports(file));
    expect(known.filter(({ room, path }) => room !== 'simulator' && path !== 'core/plivo-v3.ts')).toEqual([]);
  });

  it('is described room by room in its map', () => {
    const map = readFileSync(join(SRC, 'README.md'), 'utf8');
    for (const { name } of files) expect(map, name).toContain(name.split('/').at(-1));
  });
});
