import type { Dialect } from './dialect.ts';
import { hipcall } from './hipcall.ts';
import { plivo } from './plivo.ts';

/** Every dialect that Bauta speaks, under the name that a connection gives it. */
export const dialects = { plivo, hipcall } as const satisfies Readonly<Record<string, Dialect>>;

export type DialectName = keyof typeof dialects;

/** The dialect of that name, or null where there is none. */
export function dialectNamed(name: string): Dialect | null {
  return isDialectName(name) ? dialects[name] : null;
}

// Own names only: 'constructor' is no dialect.
function isDialectName(name: string): name is DialectName {
  return Object.hasOwn(dialects, name);
}
