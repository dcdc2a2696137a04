import net from 'node:net';
import postgres from 'postgres';

/** A statement was not answered in time; whether it took effect is not known. */
export class StatementLate extends Error {
  readonly code = 'STATEMENT_LATE';
}

/** What the driver's own connections do with a statement. Not in its types. */
interface Statement {
  handler: (statement: Statement) => void;
  /** Null until a connection that is established has taken it. */
  readonly state: object | null;
  resolve: (rows: unknown) => void;
  reject: (error: unknown) => void;
}

interface Slot {
  readonly run: (statement: Statement) => void;
  /** True when its line has just broken: the driver may not have noticed, and would forget a statement. */
  isBroken(): boolean;
  /** Ends its connection, in good order if it can within these seconds. */
  end(seconds: number): Promise<void>;
}

const LOOK_AGAIN_MS = 100;

/**
 * A pool of single connections, each with a client of its own. No statement keeps its caller longer than `limitMs`,
 * waiting for a connection included: the driver itself would wait for ever where the link is dead but nobody says so.
 * A connection that has left a statement without an answer for as long is cut off, and its place gets a new one.
 *
 * @param base makes the statements and never connects; drizzle may change its parsers, which all clients share.
 */
export function withDeadline(base: postgres.Sql, connections: number, limitMs: number): postgres.Sql {
  const waiting = new Map<Statement, () => void>();
  const free: Slot[] = Array.from({ length: connections }, () => openSlot(base));
  const busy = new Set<Slot>();
  let isEnded = false;

  function giveOut(slot: Slot): void {
    free.push(slot);
    const [next] = waiting;
    if (next === undefined) return;
    waiting.delete(next[0]);
    next[1]();
  }

  function release(slot: Slot): void {
    // It may have been cut off since.
    if (busy.delete(slot) && !isEnded) giveOut(slot);
  }

  function replace(slot: Slot): void {
    if (!busy.delete(slot)) return;
    void slot.end(0);
    if (!isEnded) giveOut(openSlot(base));
  }

  /** The last one that became free: the others may close when they have been idle for long. */
  function take(): Slot | undefined {
    const slot = free.pop();
    if (!slot?.isBroken()) return slot;
    void slot.end(0);
    return openSlot(base);
  }

  /** Where one link has died without a word, those that idle are not trusted either. */
  function replaceAllSilent(slot: Slot): void {
    for (const idle of free.splice(0)) {
      void idle.end(0);
      free.push(openSlot(base));
    }
    replace(slot);
  }

  function run(statement: Statement): void {
    const { resolve, reject } = statement;
    let slot: Slot | undefined;
    let isSent = false;
    let sentAfter = 0;
    const begin = () => {
      slot = take();
      if (slot === undefined) return void waiting.set(statement, begin);
      busy.add(slot);
      sentAfter = performance.now();
      slot.run(statement);
      isSent = statement.state !== null;
    };
    const late = () => {
      reject(new StatementLate('the database did not answer in time'));
      if (slot === undefined) return void waiting.delete(statement);
      // While it connects, the driver's own timeout counts: who is cut off before it is through never gets there.
      if (isSent && performance.now() > sentAfter + limitMs - 1) return replaceAllSilent(slot);
      if (!isSent) [isSent, sentAfter] = [statement.state !== null, performance.now()];
      timer = setTimeout(late, isSent ? sentAfter + limitMs - performance.now() : LOOK_AGAIN_MS);
    };
    let timer = setTimeout(late, limitMs);
    const settle = (tell: (value: unknown) => void, next: (slot: Slot, value: unknown) => void) => (value: unknown) => {
      clearTimeout(timer);
      tell(value);
      const mine = slot;
      // The driver is in the middle of it; a moment later its connection takes the next statement.
      if (mine !== undefined) queueMicrotask(() => next(mine, value));
    };
    statement.resolve = settle(resolve, release);
    statement.reject = settle(reject, (mine, error) => (isOfStatement(error) ? release(mine) : replace(mine)));
    if (isEnded) statement.reject(ended());
    else begin();
  }

  function watch<T>(made: T): T {
    // Names and lists of values are made by the same function, and are no statements.
    if (made instanceof Promise) (made as unknown as Statement).handler = run;
    return made;
  }

  async function end({ timeout = 5 }: { timeout?: number | undefined } = {}): Promise<void> {
    isEnded = true;
    for (const statement of [...waiting.keys()]) statement.reject(ended());
    waiting.clear();
    await Promise.all([...free.splice(0), ...busy].map((slot) => slot.end(timeout)));
    await base.end({ timeout: 0 });
  }

  const sql = (...args: Parameters<typeof base>) => watch(base(...args));
  const unsafe: typeof base.unsafe = (...args) => watch(base.unsafe(...args));
  return new Proxy(base, {
    apply: (_base, _this, args: Parameters<typeof base>) => sql(...args),
    get: (_base, name) => (name === 'unsafe' ? unsafe : name === 'end' ? end : Reflect.get(base, name)),
  });
}

/** False where the connection is gone, or is about to be. */
function isOfStatement(error: unknown): boolean {
  return error instanceof postgres.PostgresError && error.severity === 'ERROR';
}

function ended(): Error {
  return Object.assign(new Error('the pool has ended'), { code: 'CONNECTION_ENDED' });
}

/** One connection, which comes when it is first wanted and again whenever it was lost. */
function openSlot(base: postgres.Sql): Slot {
  const { options } = base as unknown as { options: { path?: string; host: string[]; port: number[] } };
  let socket: net.Socket | null = null;
  let isOver = false;
  const client = postgres({
    ...options,
    // Ours, so that it can be destroyed: the driver would say goodbye on a dead link and wait for the answer.
    socket: () => {
      if (isOver) throw new StatementLate('the connection was cut off');
      const [host, port] = [options.host[0], options.port[0] ?? 0];
      socket = options.path ? net.connect(options.path) : net.connect({ host, port, noDelay: true });
      return Object.assign(socket, { host, port });
    },
  } as never);
  return {
    run: (client.unsafe('') as unknown as Statement).handler,
    isBroken: () => socket?.destroyed ?? false,
    async end(seconds) {
      isOver = seconds === 0;
      await client.end({ timeout: seconds });
      isOver = true;
      socket?.destroy();
    },
  };
}
