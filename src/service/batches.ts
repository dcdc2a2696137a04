import type { Deps } from '../deps.ts';
import { isOutage } from '../store/connect.ts';

/** Keeps entries in memory for a moment and writes them in batches, so that no answer waits for its log. */
export interface Batches<T> {
  /** Never waits, never throws. */
  record(entry: T): void;
  /** Writes what was recorded until now, as far as the database takes it. */
  flush(): Promise<void>;
  /** Writes what is left. */
  close(): Promise<void>;
}

const FLUSH_AFTER_MS = 100;
const AGAIN_AFTER_MS = 1_000;
// More at once would keep the process from answering meanwhile.
const BATCH = 100;
// A minute of calls at more than a hundred a second; what is older is dropped while the database is silent.
const KEPT = 10_000;

/** @param name what the log calls an entry. */
export function startBatches<T>(
  log: Deps['log'],
  name: string,
  writeAll: (batch: readonly T[]) => Promise<void>,
): Batches<T> {
  let waiting: T[] = [];
  let dropped = 0;
  let timer: NodeJS.Timeout | null = null;
  let flushing: Promise<boolean> | null = null;
  let isSilent = false;
  let isClosed = false;

  /** Writes a batch at once where that many wait and the database takes them, else what there is in a moment. */
  function next(): void {
    if (isClosed || flushing !== null || waiting.length === 0) return;
    if (waiting.length >= BATCH && !isSilent) void writeBatch();
    else timer ??= setTimeout(writeBatch, isSilent ? AGAIN_AFTER_MS : FLUSH_AFTER_MS).unref();
  }

  function writeBatch(): Promise<boolean> {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    flushing ??= write(waiting.splice(0, BATCH)).then((isDone) => {
      flushing = null;
      isSilent = !isDone;
      next();
      return isDone;
    });
    return flushing;
  }

  async function write(batch: readonly T[]): Promise<boolean> {
    if (batch.length === 0) return true;
    try {
      await writeAll(batch);
      if (waiting.length < BATCH) tellOfDropped();
      return true;
    } catch (error) {
      log.warn({ err: error, entries: batch.length }, `${name}.write_failed`);
      if (isOutage(error)) {
        keep([...batch, ...waiting]);
        return false;
      }
      // One of them cannot be written, which must not keep the others from it.
      if (batch.length === 1) return true;
      const half = batch.length >> 1;
      const isFirstDone = await write(batch.slice(0, half));
      return (await write(batch.slice(half))) && isFirstDone;
    }
  }

  function keep(all: T[]): void {
    const excess = Math.max(0, all.length - KEPT);
    waiting = excess > 0 ? all.slice(excess) : all;
    dropped += excess;
  }

  // Once, when it is over, so that a silent database does not fill the log as well.
  function tellOfDropped(): void {
    if (dropped > 0) log.error({ dropped, kept: KEPT }, `${name}.dropped`);
    dropped = 0;
  }

  async function flush(): Promise<void> {
    // What was recorded since the one that is under way began is not in it.
    while ((flushing !== null || waiting.length > 0) && (await writeBatch()));
  }

  return {
    flush,
    record(entry) {
      waiting.push(entry);
      if (waiting.length > KEPT) keep(waiting);
      next();
    },
    async close() {
      isClosed = true;
      if (timer !== null) clearTimeout(timer);
      await flush();
      dropped += waiting.length;
      tellOfDropped();
    },
  };
}
