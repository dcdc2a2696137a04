import { parseArgs } from 'node:util';
import type { Problem } from '../core/problem.ts';
import type { StoreDeps } from '../deps.ts';
import { onTheWire } from '../http/problems.ts';

/** What was asked for cannot be done: its message is for whoever asked. Ends with 1. */
export class Failed extends Error {}

/** The command line itself is wrong. Ends with 2. */
export class Misused extends Error {}

export interface Option {
  /** What its value is, in capitals; none for a switch. */
  readonly value?: string;
  readonly about: string;
}

/** A command line, read. */
export interface Given {
  readonly words: readonly string[];
  readonly texts: Readonly<Record<string, string | undefined>>;
  readonly switches: ReadonlySet<string>;
}

/** What is printed: `json` by `--json`, else `text`; or lines of JSON in either case. */
export type Outcome =
  | { readonly json: unknown; readonly text: string; readonly isWhole?: boolean }
  | { readonly lines: AsyncIterable<object> };

export interface Command {
  readonly about: string;
  /** Its words, for the help; none for a command that takes none. */
  readonly words?: string;
  readonly options?: Readonly<Record<string, Option>>;
  readonly statementTimeoutMs?: number;
  readonly run: (deps: StoreDeps, given: Given) => Promise<Outcome>;
}

export interface Group {
  readonly about: string;
  readonly commands: Readonly<Record<string, Command | Group>>;
}

const EVERYWHERE: Readonly<Record<string, Option>> = {
  json: { about: 'print JSON' },
  help: { about: 'print this' },
};

/** The command that a command line names, and what is left of the line; or the help of what it names. */
export function find(root: Group, line: readonly string[]): { command: Command; given: Given } | { help: string } {
  const path: string[] = [];
  let node: Command | Group = root;
  for (const word of line) {
    if (!('commands' in node) || word.startsWith('-')) break;
    const next: Command | Group | undefined = Object.hasOwn(node.commands, word) ? node.commands[word] : undefined;
    if (next === undefined) throw new Misused(`There is no command "${[...path, word].join(' ')}".`);
    path.push(word);
    node = next;
  }
  const rest = line.slice(path.length);
  if ('commands' in node) {
    if (rest[0] === '--help') return { help: helpOfGroup(path, node) };
    throw new Misused(`Which of them?\n\n${helpOfGroup(path, node).trimEnd()}`);
  }
  const given = read(node, rest);
  return given.switches.has('help') ? { help: helpOfCommand(path, node) } : { command: node, given };
}

/** @throws Failed with the words of the API. */
export function failFor(problem: Problem): never {
  throw new Failed(onTheWire(problem).text);
}

/** Rows in columns. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  return rows.map((row) => `${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ')}`.trimEnd()).join('\n');
}

function read(command: Command, line: readonly string[]): Given {
  const options = { ...command.options, ...EVERYWHERE };
  const types = Object.fromEntries(
    Object.entries(options).map(([name, { value }]) => [
      name,
      { type: value ? ('string' as const) : ('boolean' as const) },
    ]),
  );
  const { values, positionals: words } = parsed(() =>
    parseArgs({ args: [...line], options: types, allowPositionals: true }),
  );
  const entries = Object.entries(values);
  const switches = new Set(entries.flatMap(([name, value]) => (value === true ? [name] : [])));
  if (command.words === undefined && words.length > 0) throw new Misused('This command takes no words.');
  return { words, switches, texts: Object.fromEntries(entries.filter((one) => typeof one[1] === 'string')) } as Given;
}

/** Of a line that cannot be read only the option's name is repeated. */
function parsed<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    const [, name] = /'?(-{1,2}[a-z][a-z-]*)/.exec(error instanceof Error ? error.message : '') ?? [];
    throw new Misused(`${name ?? 'An option'} is none of this command's, or lacks its value.`);
  }
}

const COMMAND = 'npm run bauta --';

function helpOfGroup(path: readonly string[], { about, commands }: Group): string {
  const rows = Object.entries(commands).map(([name, one]) => [`  ${name}`, one.about]);
  return `${[COMMAND, ...path, 'COMMAND'].join(' ')}\n\n${about}\n\n${table(rows)}\n\n--help behind a command says more of it.\n`;
}

function helpOfCommand(path: readonly string[], { about, words, options }: Command): string {
  const rows = Object.entries({ ...options, ...EVERYWHERE }).map(([name, one]) => [
    `  --${name}${one.value ? ` ${one.value}` : ''}`,
    one.about,
  ]);
  return `${[COMMAND, ...path, ...(words ? [words] : [])].join(' ')}\n\n${about}\n\n${table(rows)}\n`;
}
