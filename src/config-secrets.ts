import { readFileSync } from 'node:fs';

/** Settings that are secrets: each may stand in a file instead, which `{name}_FILE` names. */
export const SECRET_SETTINGS = ['DATABASE_URL', 'DATABASE_DIRECT_URL', 'MASTER_KEY', 'MASTER_KEY_PREVIOUS'] as const;

export interface WithSecrets {
  /** The environment, each secret that stands in a file put in its place. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** By setting, the variable by which it was given. */
  readonly givenBy: ReadonlyMap<string, string>;
  /** Lines such as `MASTER_KEY_FILE: is empty`. */
  readonly faults: readonly string[];
}

/**
 * Reads the secrets that stand in files, without the line's end that an editor leaves there. Environments are shown by
 * process lists, crash reports and `docker inspect`; files are not.
 */
export function readSecretFiles(env: Readonly<Record<string, string | undefined>>): WithSecrets {
  const filled = { ...env };
  const givenBy = new Map<string, string>();
  const faults: string[] = [];
  for (const name of SECRET_SETTINGS) {
    const variable = `${name}_FILE`;
    const file = env[variable];
    if (file === undefined) continue;
    givenBy.set(name, variable);
    const fault = env[name] === undefined ? null : `cannot be given together with ${name}`;
    const read = fault === null ? readSecret(file) : { fault };
    if ('fault' in read) faults.push(`${variable}: ${read.fault}`);
    else filled[name] = read.secret;
  }
  return { env: filled, givenBy, faults };
}

/** What is wrong never names the file: it may be the secret itself that was given by mistake. */
function readSecret(file: string): { readonly secret: string } | { readonly fault: string } {
  try {
    const secret = readFileSync(file, 'utf8').replace(/[\r\n]+$/, '');
    return secret === '' ? { fault: 'the file is empty' } : { secret };
  } catch (error) {
    return { fault: `the file cannot be read (${(error as NodeJS.ErrnoException).code})` };
  }
}
