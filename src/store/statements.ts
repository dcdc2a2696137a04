import type postgres from 'postgres';

/** Is told of each statement of a pool: when it is wished for, and when it is settled. */
export interface StatementWatch {
  began(): void;
  /** @param seconds from the wish, so the wait for a connection is part of it. @param error null for a success. */
  ended(seconds: number, error: unknown): void;
}

/** The same client, which tells of its statements. A part of another statement is never awaited, so it is not one. */
export function watched(sql: postgres.Sql, watch: StatementWatch): postgres.Sql {
  const tell = <T>(made: T): T => {
    if (made instanceof Promise) tellOf(made, watch);
    return made;
  };
  const unsafe = (...args: Parameters<typeof sql.unsafe>) => tell(sql.unsafe(...args));
  return new Proxy(sql, {
    apply: (target, self, args) => tell(Reflect.apply(target, self, args)),
    get: (target, name) => (name === 'unsafe' ? unsafe : Reflect.get(target, name)),
  });
}

/** The driver sends a statement when somebody first waits for it, which is by its `then` whatever they write. */
function tellOf(statement: Promise<unknown>, watch: StatementWatch): void {
  const { then } = Object.getPrototypeOf(statement) as Promise<unknown>;
  Object.defineProperty(statement, 'then', {
    configurable: true,
    value: (...handlers: Parameters<typeof then>) => {
      // From now on the driver's own, so that it is told of once.
      Reflect.deleteProperty(statement, 'then');
      const beganAt = performance.now();
      const ended = (error: unknown) => watch.ended((performance.now() - beganAt) / 1000, error);
      watch.began();
      then.call(statement, () => ended(null), ended);
      return then.apply(statement, handlers);
    },
  });
}
