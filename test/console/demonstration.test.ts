import { cpSync } from 'node:fs';
import path from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { builtService } from '../built.ts';
import { killAll, makeHome, type ServiceProcess, startProcess } from '../support/process.ts';
import { api } from '../support/service.ts';
import { CHROMIUM, startBrowser } from './browser.ts';

// What the README promises to whoever has five minutes: from an empty machine to a call, by clicking alone.
describe.skipIf(CHROMIUM === null)('the demonstration', { timeout: 60_000 }, () => {
  const home = makeHome();
  let browser: Browser;
  let service: ServiceProcess;

  beforeAll(async () => {
    browser = await startBrowser();
    cpSync('dist/console', path.join(builtService(), 'console'), { recursive: true });
    service = await (await startProcess({ DATA_DIR: path.join(home.directory, 'data') })).ready();
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    await killAll();
    home.remove();
  });

  test('goes from an empty machine to a call that is booked', async () => {
    const printed = service.stdout();
    const [, id = '', token = ''] = /auth id +(\S+)\s+auth token +(\S+)/.exec(printed) ?? [];
    const page = await browser.newPage();
    await page.goto(`${service.url}/console`);
    await page.getByLabel('Auth id').fill(id);
    await page.getByLabel('Auth token').fill(token);
    await page.getByRole('button', { name: 'Sign in' }).click();

    await page.getByRole('link', { name: 'New session' }).first().click();
    await page.getByLabel('First party', { exact: true }).fill('+12025550000');
    await page.getByLabel('Second party', { exact: true }).fill('+12025551111');
    await page.getByRole('button', { name: 'Create session' }).click();
    await page.getByText('Session created').waitFor();
    const story = page.url();
    const number = /\+1415555010\d/.exec(await page.locator('main').innerText())?.[0] ?? '';
    expect(number).not.toBe('');

    await page.getByRole('link', { name: 'Phone' }).click();
    await page.getByLabel('Caller', { exact: true }).fill('+12025550000');
    await page.getByLabel('Dials').fill(number);
    await page.getByRole('button', { name: 'Dial' }).click();
    await page.getByText(`Its screen shows ${number.slice(1)}`).waitFor();
    await page.getByRole('button', { name: 'Answer' }).click();
    await page.getByText('Connected', { exact: true }).waitFor();
    await page.getByLabel('Other phone').getByRole('button', { name: 'Hang up' }).click();
    await page.getByText('The call ended: talked.').waitFor();

    await page.goto(story);
    await page.getByText('Dialled leg').first().waitFor();
    await page.getByRole('link', { name: 'Overview' }).click();
    await page.getByText('1 calls offered').waitFor();
    await page.getByText('1 answered, 0 missed').waitFor();

    // What an app does appears by itself.
    await page.getByText('Live', { exact: true }).waitFor();
    const parties = { first_party: '+12025558877', second_party: '+12025558866' };
    const began = Date.now();
    const made = await api(service, 'POST', `/v1/Account/${id}/Masking/Session/`, parties, { id, token });
    expect(made.status).toBe(201);
    await page.getByText('2 created').waitFor({ timeout: 5_000 });
    expect(Date.now() - began).toBeLessThan(2_000);
  });
});
