import { serveMetrics } from '../../src/http/metrics.ts';
import type { TestService } from './service.ts';

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The metrics of a service, on a port of their own. */
export interface Scraped {
  readonly url: string;
  /** The page as it stands. */
  page(): Promise<string>;
  samples(): Promise<readonly Sample[]>;
  /** What the samples of a name and these labels add up to; null where there is none. */
  value(name: string, labels?: Readonly<Record<string, string>>): Promise<number | null>;
  close(): Promise<void>;
}

export async function scraped({ deps }: Pick<TestService, 'deps'>): Promise<Scraped> {
  const server = await serveMetrics(deps, { host: '127.0.0.1', port: 0 });
  const url = `http://127.0.0.1:${server.port}/metrics`;
  const page = async () => (await fetch(url)).text();
  const samples = async () => parse(await page());
  return {
    url,
    page,
    samples,
    async value(name, labels = {}) {
      const found = (await samples()).filter(
        (sample) =>
          sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
      );
      return found.length === 0 ? null : found.reduce((sum, { value }) => sum + value, 0);
    },
    close: server.close,
  };
}

/** Prometheus' text, line by line. @throws on a line that is none. */
function parse(text: string): Sample[] {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return lines.map((line) => {
    const [, name, labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (name === undefined) throw new Error(`no sample: ${line}`);
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)",?/g)].map(([, label, text]) => [label, text]);
    return { name, labels: Object.fromEntries(pairs) as Record<string, string>, value: Number(value) };
  });
}
