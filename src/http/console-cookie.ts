import type { FastifyRequest } from 'fastify';
import type { Deps } from '../deps.ts';
import { type ConsoleSignIn, openSignIn, sealSignIn } from '../service/console.ts';

const NAME = 'bauta_console';

/** A header that no page of another origin can set without being asked for leave, which nobody gives it. */
export const CONSOLE_HEADER = 'x-bauta-console';

/** Whether the console's own page asks. */
export function isFromConsole(request: FastifyRequest): boolean {
  return request.headers[CONSOLE_HEADER] === '1';
}

/** Who is signed in at the console by the request's cookie; null where nobody is. */
export function cookieSignIn(deps: Deps, request: FastifyRequest): ConsoleSignIn | null {
  const entries = (request.headers.cookie ?? '').split(';').map((entry) => entry.trim().split('='));
  const value = entries.find(([name]) => name === NAME)?.[1];
  return value === undefined ? null : openSignIn(deps, value);
}

/** The header that keeps a sign-in, and the one that forgets it. */
export function keepSignIn(deps: Deps, signIn: ConsoleSignIn): string {
  const { value, seconds } = sealSignIn(deps, signIn);
  return cookie(deps, value, seconds);
}

export function forgetSignIn(deps: Deps): string {
  return cookie(deps, '', 0);
}

function cookie({ config }: Deps, value: string, seconds: number): string {
  const secure = config.publicUrl.startsWith('https:') ? '; Secure' : '';
  return `${NAME}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure}`;
}
