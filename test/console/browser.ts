import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { MAIN, type TestService } from '../support/service.ts';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Where this machine has a Chromium; null where it has none. */
export const CHROMIUM = PLACES.find(existsSync) ?? null;

/** Builds the console's browser code as `npm run build` does, and starts a browser. */
export async function startBrowser(): Promise<Browser> {
  await promisify(execFile)('npm', ['run', '--silent', 'build:console']);
  return chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

export interface Visit {
  readonly page: Page;
  readonly context: BrowserContext;
  /** What the browser complained of: errors, refused by the content security policy and others. */
  readonly complaints: string[];
}

/** Opens the console in a window of its own and signs in there. */
export async function visit(
  browser: Browser,
  service: TestService,
  look: { width: number; height?: number; dark?: boolean } = { width: 1280 },
): Promise<Visit> {
  const context = await browser.newContext({
    viewport: { width: look.width, height: look.height ?? 900 },
    colorScheme: look.dark ? 'dark' : 'light',
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    // Chromium says it of every answer that is an error, which `me` is before anybody has signed in.
    const isAnswer = message.text().startsWith('Failed to load resource');
    if (message.type() === 'error' && !isAnswer) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(`${service.url}/console`);
  await page.getByLabel('Auth id').fill(MAIN.id);
  await page.getByLabel('Auth token').fill(MAIN.token);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
  return { page, context, complaints };
}
