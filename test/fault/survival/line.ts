import { createServer, Socket } from 'node:net';

/**
 * What becomes of what is sent over the line. `hole`: it gets lost, without a word to either end, and the connections
 * that it befell stay dead. `freeze`: the same, but it arrives in the end. `refuse`: nobody can connect, and who is
 * connected is cut off. `slow`: each piece arrives late.
 */
export type Weather = 'fair' | 'hole' | 'freeze' | 'refuse' | 'slow';

/** The line between the service and its database. */
export interface Line {
  readonly port: number;
  /** Connections that the service holds open. */
  open(): number;
  become(weather: Weather): void;
  /** Resets every connection there is. */
  reset(): void;
  close(): Promise<void>;
}

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
  isLost: boolean;
}

const SLOW_MS = 2_000;

export async function openLine(toPort: number): Promise<Line> {
  const pairs = new Set<Pair>();
  let weather: Weather = 'fair';
  const server = createServer({ noDelay: true }, (near) => {
    if (weather === 'refuse') return void near.on('error', () => {}).resetAndDestroy();
    const far = new Socket();
    // The wish to connect would get lost as well.
    if (weather !== 'hole') far.connect({ port: toPort, host: '127.0.0.1', noDelay: true });
    const pair: Pair = { near, far, isLost: weather === 'hole' };
    pairs.add(pair);
    if (weather === 'freeze') for (const socket of [near, far]) socket.pause();
    carry(pair, near, far);
    carry(pair, far, near);
  });

  function carry(pair: Pair, from: Socket, to: Socket): void {
    const later = inOrder(() => (weather === 'slow' ? SLOW_MS : 0));
    from.on('error', () => {});
    from.on('data', (piece) => {
      if (!pair.isLost) later(() => to.write(piece));
    });
    // Of a lost connection neither end learns what became of the other.
    from.once('end', () => !pair.isLost && later(() => to.end()));
    from.once('close', () => {
      if (pair.isLost && from === pair.far) return;
      if (pair.isLost && weather === 'hole') return;
      pairs.delete(pair);
      later(() => to.destroy());
    });
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: Object(address).port,
    open: () => [...pairs].filter(({ near }) => !near.destroyed).length,
    become(next) {
      const before = weather;
      weather = next;
      for (const pair of pairs) {
        if (next === 'hole') pair.isLost = true;
        if (next === 'freeze') for (const socket of [pair.near, pair.far]) socket.pause();
        if (before === 'freeze') for (const socket of [pair.near, pair.far]) socket.resume();
        if (next === 'refuse') cut(pair);
        // What keepalive would have told the server by now.
        if (before === 'hole' && pair.isLost) {
          pair.far.destroy();
          if (pair.near.destroyed) pairs.delete(pair);
        }
      }
    },
    reset() {
      for (const pair of pairs) cut(pair);
    },
    async close() {
      for (const { near, far } of pairs) for (const socket of [near, far]) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function cut({ near, far }: Pair): void {
  near.resetAndDestroy();
  far.destroy();
}

/** Does things one after the other, each as late as it is at the time; none overtakes another. */
function inOrder(delayMs: () => number): (act: () => void) => void {
  const waiting: { readonly at: number; readonly act: () => void }[] = [];
  const run = () => {
    while (waiting[0] && waiting[0].at <= Date.now()) waiting.shift()?.act();
    if (waiting[0]) setTimeout(run, Math.max(1, waiting[0].at - Date.now()));
  };
  return (act) => {
    const delay = delayMs();
    if (delay === 0 && waiting.length === 0) return act();
    waiting.push({ at: Date.now() + delay, act });
    if (waiting.length === 1) setTimeout(run, delay);
  };
}
