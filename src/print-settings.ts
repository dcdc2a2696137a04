import { readFileSync, writeFileSync } from 'node:fs';
import { settingsTable } from './settings.ts';

// Brings the README's table of settings up to date.
const README = 'README.md';
const [before = '', rest = ''] = readFileSync(README, 'utf8').split('## Settings\n\n');
writeFileSync(README, `${before}## Settings\n\n${settingsTable()}${rest.slice(rest.indexOf('\n\n') + 1)}`);
