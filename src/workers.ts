import cluster, { type Worker } from 'node:cluster';
import type { Logger } from 'pino';
import { AggregatorRegistry, type Registry } from 'prom-client';
import type { Figures } from './http/metrics.ts';

/** Several processes behind one port. This one, the first, gives connections out and answers none itself. */
export interface Workers {
  /** The metrics of all of them, added up. */
  metrics(): Promise<string>;
  /** Asks all to end in good order, and resolves when they are gone; those that are not after `graceMs` are killed. */
  close(graceMs: number): Promise<void>;
}

/** A worker has ended before it listened; it has said why. */
export class WorkerFailed extends Error {}

// Of a worker that ends again and again at once there is one a second.
const SHORT_LIFE_MS = 1_000;
const FIGURES_MS = 3_000;
const END = 'end';
const FIGURES = 'figures';

interface Question {
  readonly question: typeof FIGURES;
  readonly id: number;
  readonly withDatabase: boolean;
}

interface Told {
  readonly id: number;
  readonly figures: Figures;
}

/** True in a process without workers, and in the first of them: what is done once for all is done here. */
export const isFirst = (): boolean => cluster.isPrimary || cluster.worker?.id === 1;

/**
 * Starts so many processes of this same program: one that prepares what all need, and when it listens the others. Whoever
 * ends unasked is replaced.
 *
 * @param env settings that they get beside ours.
 * @throws WorkerFailed where the first one did not come to listen.
 */
export async function startWorkers(
  log: Logger,
  count: number,
  env: Readonly<Record<string, string>>,
): Promise<Workers> {
  let isEnding = false;

  function start(): Worker {
    const began = performance.now();
    const worker = cluster.fork(env);
    worker.once('exit', (code, signal) => {
      if (isEnding) return;
      log.error({ worker: worker.process.pid, code, signal }, 'worker.ended');
      if (!hasStarted) return;
      const lived = performance.now() - began;
      setTimeout(() => isEnding || start(), Math.max(0, SHORT_LIFE_MS - lived));
    });
    return worker;
  }

  let hasStarted = false;
  await untilListening(start());
  hasStarted = true;
  // As many as are still alive with the first one.
  await Promise.all(Array.from({ length: count - 1 }, () => untilListening(start()).catch(() => {})));

  return {
    metrics: async () => (await allFigures()).metrics(),
    async close(graceMs) {
      isEnding = true;
      const alive = living();
      const gone = alive.map((worker) => new Promise((resolve) => worker.once('exit', resolve)));
      for (const worker of alive) tell(worker, END);
      const timer = setTimeout(() => {
        for (const worker of living()) worker.process.kill('SIGKILL');
      }, graceMs);
      await Promise.all(gone).finally(() => clearTimeout(timer));
    },
  };
}

function living(): Worker[] {
  return Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined && !worker.isDead()) as Worker[];
}

function untilListening(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.once('listening', () => resolve());
    worker.once('exit', () => reject(new WorkerFailed('a worker has ended before it listened')));
  });
}

/** One that is about to end hears nothing more. */
function tell(worker: Worker, message: typeof END | Question): void {
  if (worker.isConnected()) worker.send(message, undefined, () => {});
}

let questions = 0;

/** Those of a worker that does not answer in time are left out. */
async function allFigures(): Promise<Registry> {
  const all = await Promise.all(living().map((worker, i) => figuresOf(worker, i === 0)));
  return AggregatorRegistry.aggregate(all.flatMap((one) => (one === null ? [] : [one])));
}

function figuresOf(worker: Worker, withDatabase: boolean): Promise<Figures | null> {
  questions += 1;
  const id = questions;
  return new Promise((resolve) => {
    const settle = (figures: Figures | null) => {
      clearTimeout(timer);
      worker.off('message', hear).off('exit', leave);
      resolve(figures);
    };
    const hear = (told: Told) => told.id === id && settle(told.figures);
    const leave = () => settle(null);
    const timer = setTimeout(leave, FIGURES_MS);
    worker.on('message', hear).once('exit', leave);
    tell(worker, { question: FIGURES, id, withDatabase });
  });
}

/**
 * In a worker: hears what the first process says. Signals go to it alone where somebody sends them to one process, and to
 * all where a terminal or a supervisor sends them to the group; either way each ends once, in good order. When the first
 * process is gone Node ends the others.
 */
export function obeyFirst(end: () => void): void {
  let isEnding = false;
  const once = () => {
    if (!isEnding) end();
    isEnding = true;
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, once);
  process.on('message', (message) => message === END && once());
}

/** In a worker: tells the first process its metrics. */
export function tellFigures(collect: (withDatabase: boolean) => Promise<Registry>): void {
  process.on('message', async (message: Partial<Question>) => {
    if (message.question !== FIGURES || message.id === undefined) return;
    const registry = await collect(message.withDatabase === true);
    process.send?.({ id: message.id, figures: await registry.getMetricsAsJSON() } satisfies Told);
  });
}
