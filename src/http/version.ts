import { readFileSync } from 'node:fs';

/** The version of the service, as its package tells it. */
export function ownVersion(): string {
  // The same place seen from src/http, from dist/http and from the bundle.
  const file = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(file) as { version: string }).version;
}
