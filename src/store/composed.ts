import type postgres from 'postgres';

type Statement = postgres.PendingQuery<postgres.Row[]>;
type Ask = (part: Part) => Statement;

/**
 * A statement, or a part of one, that has not been sent. The driver makes a promise of each part, some sixty for a step
 * of a call, of which only that of the whole is ever waited for; and promises of a class of their own outlive collections
 * of garbage, which then take longer.
 */
class Part {
  readonly strings: readonly string[];
  readonly args: readonly unknown[];
  readonly #ask: Ask;
  #asked: Statement | null = null;

  constructor(strings: readonly string[], args: readonly unknown[], ask: Ask) {
    this.strings = strings;
    this.args = args;
    this.#ask = ask;
  }

  /** The driver's own statement, which is sent when somebody first waits for it. */
  asked(): Statement {
    this.#asked ??= this.#ask(this);
    return this.#asked;
  }

  // biome-ignore lint/suspicious/noThenProperty: it is awaited like a statement of the driver.
  then(...handlers: Parameters<Statement['then']>) {
    return this.asked().then(...handlers);
  }

  catch(...handlers: Parameters<Statement['catch']>) {
    return this.asked().catch(...handlers);
  }

  finally(...handlers: Parameters<Statement['finally']>) {
    return this.asked().finally(...handlers);
  }

  simple() {
    return this.asked().simple();
  }
}

const isList = (arg: unknown): arg is readonly Part[] => Array.isArray(arg) && arg[0] instanceof Part;

/** The same client; its statements become one text when they are sent, with the values of all their parts in order. */
export function composed(sql: postgres.Sql): postgres.Sql {
  // There are as many as there are statements in this program. The driver keeps each of them, too.
  const texts = new Map<string, string>();
  const { constructor: Identifier } = sql('any') as object;
  const { constructor: Helper } = sql(['any']) as object;

  /** False where a helper of the driver's stands in it, which only the driver can write. */
  function write(part: Part, text: string[], values: unknown[]): boolean {
    return part.strings.every((string, i) => {
      text.push(string);
      return i === part.args.length || writeArg(part.args[i], text, values);
    });
  }

  function writeArg(arg: unknown, text: string[], values: unknown[]): boolean {
    if (arg instanceof Part) return write(arg, text, values);
    if (isList(arg)) {
      return arg.every((one) => {
        text.push(' ');
        return write(one, text, values);
      });
    }
    if (arg instanceof Helper) return false;
    text.push(arg instanceof Identifier ? (arg as { value: string }).value : `$${values.push(arg)}`);
    return true;
  }

  /** As the driver would have made it. */
  function parted({ strings, args }: Part): Statement {
    const own = (arg: unknown) => {
      if (isList(arg)) return arg.map(parted);
      return arg instanceof Part ? parted(arg) : arg;
    };
    return sql(Object.assign([...strings], { raw: strings }), ...(args.map(own) as never[]));
  }

  const ask: Ask = (part) => {
    const [text, values]: [string[], unknown[]] = [[], []];
    if (!write(part, text, values)) return parted(part);
    return sql.unsafe(once(text.join('')), values as never[], PREPARED);
  };

  /** The text as it was the first time: what a statement holds is collected late. */
  function once(text: string): string {
    const known = texts.get(text) ?? text;
    texts.set(known, known);
    return known;
  }

  return new Proxy(sql, {
    apply: (target, self, args: [TemplateStringsArray, ...unknown[]]) => {
      const [strings, ...values] = args;
      return Array.isArray(strings?.raw) ? new Part(strings, values, ask) : Reflect.apply(target, self, args);
    },
    get: (target, name) => {
      if (name !== 'unsafe') return Reflect.get(target, name);
      return (...args: Parameters<typeof sql.unsafe>) =>
        args.length === 1 ? new Part([args[0]], [], () => sql.unsafe(args[0])) : sql.unsafe(...args);
    },
  });
}

// Without parameters the driver would send a text as several statements, of which none is planned beforehand.
const PREPARED = { prepare: true, simple: false };
