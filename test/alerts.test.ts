import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { startTimetable } from '../src/jobs/timetable.ts';
import { type Sample, type Scraped, scraped } from './support/metrics.ts';
import { PLIVO_KEY, startService, type TestService } from './support/service.ts';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

const file = parse(readFileSync('.monitoring/alerts.yml', 'utf8')) as { groups: { name: string; rules: Rule[] }[] };
const rules = file.groups.flatMap((group) => group.rules);

let service: TestService;
let metrics: Scraped;
let samples: readonly Sample[];
beforeAll(async () => {
  service = await startService();
  metrics = await scraped(service);
  // What runs for a second shows all that is counted; a route shows when it is asked for.
  const timetable = startTimetable(service.deps, service.dispatcher);
  await timetable.stop();
  await fetch(`${service.url}/answer/${PLIVO_KEY}/`, { method: 'POST' });
  samples = await metrics.samples();
});
afterAll(async () => {
  await metrics.close();
  await service.close();
});

/** The series that an expression reads: `name{label="value",…}`. */
function series(expr: string): { name: string; labels: [string, string][] }[] {
  return [...expr.matchAll(/\b((?:bauta|process|nodejs)_\w+|up\b)(?:\{([^}]*)\})?/g)].map(
    ([, name = '', labels = '']) => ({
      name,
      labels: [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = '', value = '']) => [label, value]),
    }),
  );
}

describe('each alert', () => {
  test.each(rules)('$alert reads series that the service exports', ({ expr }) => {
    const read = series(expr);
    expect(read.length).toBeGreaterThan(0);
    for (const { name, labels } of read.filter(({ name }) => name !== 'up')) {
      const exported = samples.filter(
        (sample) => sample.name === name && labels.every(([label, value]) => sample.labels[label] === value),
      );
      expect(exported.length, `${name} ${labels}`).toBeGreaterThan(0);
      for (const [, grouped = ''] of expr.matchAll(/by \((\w+)\)/g)) {
        expect(
          exported.map((sample) => sample.labels[grouped]),
          grouped,
        ).not.toContain(undefined);
      }
    }
  });

  test.each(rules)('$alert has words that are a function, a series, a label or a number', ({ expr }) => {
    const words = expr.replace(/\{[^}]*\}|\[\d+[smh]\]/g, '').match(/[A-Za-z_]\w*/g) ?? [];
    const known = /^(sum|min|max|by|rate|increase|histogram_quantile|le|cause|country|webhook|name|up|bauta_\w+)$/;
    expect(words.filter((word) => !known.test(word))).toEqual([]);
    expect(expr.match(/[([{]/g)?.length).toBe(expr.match(/[)\]}]/g)?.length);
    expect(expr).toMatch(/ (>|<|==) [\d.]+$/);
  });

  test.each(rules)('$alert says how bad it is, what it is and what to do, by labels that its series have', (rule) => {
    expect(['page', 'ticket']).toContain(rule.labels.severity);
    expect(rule.annotations).toEqual({ summary: expect.any(String), action: expect.any(String) });
    for (const [, label = ''] of JSON.stringify(rule.annotations).matchAll(/\$labels\.(\w+)/g)) {
      expect(rule.expr).toContain(`by (${label})`);
    }
  });
});

test('the alerts watch what must not happen, at the limits that are promised', () => {
  const limits = rules.map(({ expr }) =>
    expr.replace(/^.*?(\w+?)(?:_total|_bucket)?(?:\{[^}]*\})?(?:\[\w+\])?\)* (?=[<>=]+ )/, '$1 '),
  );
  expect(limits.sort()).toEqual([
    'bauta_answer_fallbacks > 0',
    'bauta_callbacks_given_up > 0',
    'bauta_callbacks_oldest_due_seconds > 60',
    'bauta_database_up == 0',
    'bauta_expiry_lag_seconds > 30',
    'bauta_http_request_seconds > 0.5',
    'bauta_job_failures > 3',
    'bauta_pin_entries > 0',
    'bauta_pool_headroom_ratio < 0.1',
    'bauta_webhooks_refused > 5',
    'up == 0',
  ]);
  expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
});
