import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { collectDefaultMetrics, type MetricObjectWithValues, type MetricValue, Registry } from 'prom-client';
import type { Deps } from '../deps.ts';
import { startWatch } from '../service/watch.ts';

/** What Prometheus may read, and where it is served. */
export interface Served {
  readonly port: number;
  close(): Promise<void>;
}

/** The figures of one process, as prom-client adds those of several up. */
export type Figures = MetricObjectWithValues<MetricValue<string>>[];

/**
 * Reads this process's metrics, those of Node's own among them.
 *
 * @returns `withDatabase` false leaves out what the database's state is: where several processes are added up, one of
 *   them tells of it.
 */
export function collectFigures(deps: Deps): (withDatabase: boolean) => Promise<Registry> {
  const { registry } = deps.metrics;
  const watch = startWatch(deps);
  collectDefaultMetrics({ register: registry });
  return async (withDatabase) => {
    if (withDatabase) await watch.refresh();
    return registry;
  };
}

/**
 * Serves `GET /metrics` and nothing else, on an address of its own: whoever may reach the API, the metrics are not
 * theirs to read.
 *
 * @returns what ends it, and the port it has.
 * @throws where it cannot listen there.
 */
export async function serveMetrics(deps: Deps, at: { readonly host: string; readonly port: number }): Promise<Served> {
  const collect = collectFigures(deps);
  return servePage(async () => (await collect(true)).metrics(), deps.log, at);
}

/** The same for a page that somebody else puts together. */
export async function servePage(
  page: () => Promise<string>,
  log: Pick<Deps['log'], 'error'>,
  at: { readonly host: string; readonly port: number },
): Promise<Served> {
  const server = createServer({ requestTimeout: 5_000 }, (request, response) => {
    const isAsked = request.method === 'GET' && request.url?.split('?')[0] === '/metrics';
    if (!isAsked) {
      response.writeHead(404).end();
      return;
    }
    page().then(
      (text) => response.writeHead(200, { 'content-type': Registry.PROMETHEUS_CONTENT_TYPE }).end(text),
      (err: unknown) => {
        log.error({ err }, 'metrics.failed');
        response.writeHead(500).end();
      },
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(at.port, at.host, () => resolve());
  });
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
