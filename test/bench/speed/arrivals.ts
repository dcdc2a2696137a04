import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type postgres from 'postgres';

export interface Arrivals {
  readonly url: string;
  /** The instants at which callbacks of a path came, as milliseconds of the day's clock. */
  readonly at: (path: string) => readonly number[];
  close(): void;
}

/** A receiver of callbacks, which keeps nothing but when they came. */
export async function receiveCallbacks(): Promise<Arrivals> {
  const arrivals = new Map<string, number[]>();
  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0] ?? '';
    const at = performance.timeOrigin + performance.now();
    const former = arrivals.get(path);
    if (former) former.push(at);
    else arrivals.set(path, [at]);
    request.resume().on('end', () => response.end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    at: (path) => arrivals.get(path) ?? [],
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Deletes what still waits for addresses that begin so, but for what is under way: that is settled meanwhile. */
export async function forgetWaiting(sql: postgres.Sql, url: string): Promise<void> {
  await sql`
    delete from callbacks where id in (
      select id from callbacks where state = 'pending' and starts_with(url, ${url}) for update skip locked)`;
}
