import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { api, declared, MAIN, makeSession, PLIVO_KEY, startService, type TestService } from '../support/service.ts';
import { CHROMIUM, startBrowser, visit } from './browser.ts';
import { fillAccount } from './demo.ts';

if (CHROMIUM === null) {
  process.stderr.write('The console’s tests are skipped: there is no Chromium (Debian: apt-get install chromium).\n');
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
// Each page by its address and what stands in it once it has everything.
const PAGES: Readonly<Record<string, string>> = {
  '': 'Newest sessions',
  '/sessions': 'Created',
  '/sessions/new': 'Who talks',
  '/sessions/:id': 'Dialled leg',
  '/numbers': 'Places cooling off',
  '/providers': 'Paste these addresses',
  '/callbacks': 'Happened',
  '/phone': 'Dials',
};

describe.skipIf(CHROMIUM === null)('the console', { timeout: 120_000 }, () => {
  let service: TestService;
  let browser: Browser;
  let told: string;

  beforeAll(async () => {
    service = await startService({ bootstrap: declared({ us: 12 }) });
    told = await fillAccount(service);
    browser = await startBrowser();
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    await service?.close();
  });

  test('refuses wrong credentials in words, and lets nobody in', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${service.url}/console/sessions`);
    await page.getByLabel('Auth id').fill(MAIN.id);
    await page.getByLabel('Auth token').fill('wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').getByText('The auth id or the auth token is wrong.').waitFor();
    expect(await context.cookies()).toEqual([]);
    await context.close();
  });

  test('makes a session by clicking, tells a wrong field beside it, and ends it', async () => {
    const { page, context, complaints } = await visit(browser, service);
    await page.getByRole('link', { name: 'Sessions', exact: true }).click();
    await page.getByRole('link', { name: 'New session' }).first().click();
    await page.getByLabel('First party', { exact: true }).fill('nobody');
    await page.getByLabel('Second party', { exact: true }).fill('+12025557002');
    await page.getByRole('button', { name: 'Create session' }).click();
    await page.locator('#first_party-error').waitFor();
    expect(await page.evaluate<string>('document.activeElement.id')).toBe('first_party');
    await page.getByLabel('First party', { exact: true }).fill('+12025557001');
    await page.getByRole('button', { name: 'Create session' }).click();
    await page.getByText('Session created').waitFor();
    expect(page.url()).toMatch(/\/console\/sessions\/[0-9a-f-]{36}$/);
    const shown = await page.locator('main').innerText();
    expect(shown).toContain('+12…7001');
    expect(shown).not.toContain('2025557001');

    await page.getByRole('button', { name: 'End', exact: true }).click();
    await page.getByRole('button', { name: 'End it now' }).click();
    await page.getByText('Session ended').waitFor();
    expect(complaints).toEqual([]);
    await context.close();
  });

  test('tries a connection by a button, and shows how many of its webhooks were refused', async () => {
    const { page, context, complaints } = await visit(browser, service);
    expect((await service.app.inject({ method: 'POST', url: `/answer/${PLIVO_KEY}/`, payload: {} })).statusCode).toBe(
      403,
    );
    await service.deps.signatureFailures.flush();
    await page.goto(`${service.url}/console/providers`);
    await page.getByText('1, the last').waitFor();
    await page.getByText('None so far').waitFor();
    for (const [at, dialect] of ['plivo', 'hipcall'].entries()) {
      await page
        .getByRole('button', { name: /^Test connection/ })
        .nth(at)
        .click();
      await page.getByText(new RegExp(`^A valid ${dialect} document came back in \\d+ ms\\.$`)).waitFor();
    }
    await page.getByText('None yet').waitFor({ state: 'detached' });
    await keep(page, 'providers-tested');
    expect(await faults(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await context.close();
  });

  test('rings the other phone with the virtual number alone', async () => {
    const { page, context, complaints } = await visit(browser, service);
    const made = await makeSession(service, { first_party: '+12025556001', second_party: '+12025556002' });
    await page.getByRole('link', { name: 'Phone' }).click();
    await page.getByLabel('Caller', { exact: true }).fill('+12025556001');
    await page.getByLabel('Dials').fill(made.virtual_number);
    await page.getByRole('button', { name: 'Dial' }).click();
    await page.getByText(`Its screen shows ${made.virtual_number.slice(1)}`).waitFor();
    await page.getByText('No number leaks').waitFor();
    await keep(page, 'phone-rings');
    await page.getByRole('button', { name: 'Decline' }).click();
    await page.getByText('The call ended: busy.').waitFor();
    expect(await page.locator('.handsets').innerText()).not.toMatch(/202555600[12]/);
    expect(await faults(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await context.close();
  });

  test.each([1280, 360])('asks a stranger for a PIN by the keys alone, at %i px', async (width) => {
    const { page, context, complaints } = await visit(browser, service, { width });
    const pins = { is_pin_authentication_required: true, first_party_pin: '2741', second_party_pin: '9052' };
    const parties = { first_party: '+12025556003', second_party: '+12025556004' };
    const made = await makeSession(service, { ...parties, ...pins, pin_prompt_play: 'https://a.example/p.mp3' });
    await page.goto(`${service.url}/console/phone`);
    await page.getByLabel('Dials').fill(made.virtual_number);
    await page.keyboard.press('Enter');
    for (const pin of ['1111', '2741']) {
      await page.getByLabel('Keyed').waitFor();
      for (const key of pin) await page.getByRole('button', { name: key, exact: true }).press('Enter');
      await keep(page, `phone-pin-${width}`);
      await page.getByLabel('Keyed').press('Enter');
      await page
        .getByText(pin === '1111' ? 'keyed a PIN that leads to nobody' : 'Calling…')
        .first()
        .waitFor();
    }
    await page.getByRole('button', { name: 'Answer' }).press('Enter');
    await page.getByText('Connected', { exact: true }).waitFor();
    await keep(page, `phone-talks-${width}`);
    expect(await faults(page)).toEqual([]);
    expect(await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
    await page.getByRole('button', { name: 'Hang up' }).first().press('Enter');
    await page.getByText('The call ended: talked.').waitFor();
    const calls = await api(service, 'GET', `/v1/Account/${MAIN.id}/Call/?session_uuid=${made.session_uuid}`);
    expect((calls.body as unknown as { objects: unknown[] }).objects).toEqual([]);
    expect(complaints).toEqual([]);
    await context.close();
  });

  test('shows a session’s numbers for a reason, and books who looked and why', async () => {
    const { page, context } = await visit(browser, service);
    await page.goto(`${service.url}/console/sessions/${told}`);
    await page.getByText('Dialled leg').first().waitFor();
    expect(await page.locator('main').innerText()).not.toContain('2025550100');
    await page.getByRole('button', { name: 'Show numbers' }).click();
    await page.getByLabel('Why do you need them?').selectOption('suspected_fraud');
    await page.getByRole('dialog').getByRole('button', { name: 'Show numbers' }).click();
    await page.getByText('+12025550100').first().waitFor();
    const audit = await api(service, 'GET', `/v1/Account/${MAIN.id}/Masking/Audit/?action=session.reveal`);
    const [entry] = (audit.body as unknown as { objects: { object: string; actor: string; fields: string[] }[] })
      .objects;
    expect(entry).toMatchObject({ object: told, actor: MAIN.id });
    expect(entry?.fields).toContain('reason.suspected_fraud');
    await context.close();
  });

  test('shows a session that was made elsewhere within two seconds', async () => {
    const { page, context } = await visit(browser, service);
    await page.getByText('Live', { exact: true }).waitFor();
    await page.goto(`${service.url}/console/sessions`);
    await page.getByText('Live', { exact: true }).waitFor();
    const began = Date.now();
    await makeSession(service, { first_party: '+12025558877', second_party: '+12025558866' });
    await page.getByText('+12…8877').waitFor({ timeout: 5_000 });
    expect(Date.now() - began).toBeLessThan(2_000);
    await context.close();
  });

  describe.each([360, 768, 1280])('at %i px', (width) => {
    test.each([false, true])('is legible, dark: %s', async (dark) => {
      const { page, context, complaints } = await visit(browser, service, { width, dark });
      for (const [path, sign] of Object.entries(PAGES)) {
        await page.goto(`${service.url}/console${path.replace(':id', told)}`);
        await page.getByText(sign).first().waitFor({ state: 'attached' });
        await page.waitForTimeout(300);
        await keep(page, `${path.slice(1).replace('/', '-') || 'overview'}-${width}-${dark ? 'dark' : 'light'}`);
        expect(await faults(page), path).toEqual([]);
        const wide = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
        expect(wide, `${path} is wider than the window`).toBeLessThanOrEqual(0);
      }
      expect(complaints).toEqual([]);
      await context.close();
    });
  });
});

/** What axe finds serious or critical. */
async function faults(page: Page): Promise<string[]> {
  // Not as a script element, which the page's policy refuses.
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    interface Found {
      violations: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[];
    }
    const { axe } = globalThis as unknown as { axe: { run(): Promise<Found> } };
    const { violations } = await axe.run();
    return violations
      .filter(({ impact }) => ['serious', 'critical'].includes(impact))
      .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`));
  });
}

/** For somebody who wants to look at the pages: `SCREENSHOTS=<folder>`. */
async function keep(page: Page, name: string): Promise<void> {
  const folder = process.env.SCREENSHOTS;
  if (folder) await page.screenshot({ path: `${folder}/${name.replace(':id', 'one')}.png`, fullPage: true });
}
