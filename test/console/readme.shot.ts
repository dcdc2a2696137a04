import { mkdir } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { declared, startService } from '../support/service.ts';
import { CHROMIUM, startBrowser, visit } from './browser.ts';
import { fillAccount } from './demo.ts';

const FILE = '.docs/console.png';

test(`takes the README's picture, ${FILE}`, { timeout: 120_000 }, async () => {
  expect(CHROMIUM, 'there is no Chromium (Debian: apt-get install chromium)').not.toBeNull();
  const service = await startService({ bootstrap: declared({ us: 12 }) });
  await fillAccount(service);
  const browser = await startBrowser();
  const { page } = await visit(browser, service, { width: 1280, height: 800 });
  await page.getByText('Newest sessions').waitFor();
  await page.waitForTimeout(1_000);
  await mkdir('.docs', { recursive: true });
  await page.screenshot({ path: FILE });
  await browser.close();
  await service.close();
});
