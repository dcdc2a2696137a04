/** How the items of one verb travel together. */
export interface BatchRules<In, Out> {
  /** Runs them as one statement. @returns what each came to, in their order. */
  readonly run: (items: readonly In[]) => Promise<readonly Out[]>;
  /** Two items with the same key are not under way at the same time, unless one hangs; null for one in nobody's way. */
  readonly keyOf: (item: In) => string | null;
  /** True where the failure is nobody's own, so that nobody has to be tried alone. */
  readonly isOfAll: (error: unknown) => boolean;
  /** The place of the item whose own the failure is; null where it is not known. */
  readonly culpritOf: (error: unknown) => number | null;
  /** The most items of one statement. */
  readonly most: number;
  /** The most statements under way, those that hang not counted. */
  readonly atOnce: number;
}

// A healthy statement with 64 items takes some 40 ms with both cores busy. One that hangs (a lock, a dead line) would hold
// all who come after it until its deadline; from then on it counts no more, and the pool's own connections are the limit.
const COUNTS_MS = 200;

// A crowd is shared between the statements that are free: all of it in one would be answered, and come back, as one, with
// the server idle while the process works and the other way about. So few as these are cheaper together.
const TOGETHER = 32;

interface Waiting<In, Out> {
  readonly item: In;
  readonly resolve: (out: Out) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A verb whose callers share statements: those of one turn of the event loop, and those who came while enough
 * statements were under way. Each gets his own result. Where a statement fails for what is in it, the item that
 * is to blame is tried alone, and each where nobody knows which it is: one that cannot be done never spoils the others.
 */
export function inBatches<In, Out>({ run, keyOf, isOfAll, culpritOf, most, atOnce }: BatchRules<In, Out>) {
  let waiting: Waiting<In, Out>[] = [];
  // In the database they would wait for one another's commit, and all who travel with them as well.
  const busy = new Set<string>();
  let underWay = 0;
  let isPlanned = false;

  function plan(): void {
    if (isPlanned || waiting.length === 0 || underWay >= atOnce) return;
    isPlanned = true;
    setImmediate(() => {
      isPlanned = false;
      for (let taken = take(); taken.length > 0; taken = take()) void send(taken);
    });
  }

  /** The first who came, if there is a statement for them; who has a key that is under way waits for a next one. */
  function take(): Waiting<In, Out>[] {
    const taken: Waiting<In, Out>[] = [];
    if (underWay >= atOnce) return taken;
    const left: Waiting<In, Out>[] = [];
    const share = Math.min(most, Math.max(TOGETHER, Math.ceil(waiting.length / (atOnce - underWay))));
    for (const one of waiting) {
      const key = keyOf(one.item);
      const isTaken = taken.length < share && (key === null || !busy.has(key));
      (isTaken ? taken : left).push(one);
      if (isTaken && key !== null) busy.add(key);
    }
    waiting = left;
    return taken;
  }

  async function send(batch: readonly Waiting<In, Out>[]): Promise<void> {
    underWay += 1;
    let counts = true;
    const countNoMore = () => {
      if (!counts) return;
      counts = false;
      underWay -= 1;
      for (const { item } of batch) busy.delete(keyOf(item) ?? '');
      plan();
    };
    const patience = setTimeout(countNoMore, COUNTS_MS);
    await settle(batch);
    clearTimeout(patience);
    countNoMore();
  }

  async function settle(batch: readonly Waiting<In, Out>[]): Promise<void> {
    try {
      const outs = await run(batch.map(({ item }) => item));
      for (const [i, { resolve }] of batch.entries()) resolve(outs[i] as Out);
    } catch (error) {
      if (batch.length === 1 || isOfAll(error)) for (const { reject } of batch) reject(error);
      else await Promise.all(parted(batch, culpritOf(error)).map(settle));
    }
  }

  function parted(batch: readonly Waiting<In, Out>[], culprit: number | null): (readonly Waiting<In, Out>[])[] {
    const alone = culprit === null ? undefined : batch[culprit];
    if (alone === undefined) return batch.map((one) => [one]);
    return [batch.filter((one) => one !== alone), [alone]];
  }

  return (item: In): Promise<Out> =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      plan();
    });
}
