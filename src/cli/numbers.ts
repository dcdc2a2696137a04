import { readFileSync } from 'node:fs';
import type { Scope } from '../core/account.ts';
import type { StoreDeps } from '../deps.ts';
import { numberToWire } from '../http/number-wire.ts';
import { addNumbers, listNumbers, removeNumber } from '../service/numbers.ts';
import { bookOperator, everyConnection } from '../service/operator.ts';
import { Failed, failFor, type Given, type Group, Misused, table } from './command.ts';
import { numbersOf, wordsOfCsv } from './numbers-given.ts';
import { accountOption, scopeFor } from './scope.ts';

const EVERY = { limit: 100_000, offset: 0 };

export const numbers: Group = {
  about: 'Virtual numbers: the pool.',
  commands: {
    list: {
      about: 'Lists the numbers of the pool.',
      options: accountOption,
      run: async (deps, given) => {
        const scope = await scopeFor(deps, given);
        const found = await listNumbers(deps, scope, {}, EVERY);
        const rows = found.numbers.map((one) => [
          ...[one.number, one.country, one.dialect, one.subaccountId ?? '', one.alias ?? ''],
        ]);
        const json = found.numbers.map((one) => numberToWire(scope.subaccountId ?? scope.accountId, one));
        return { json, text: table([['NUMBER', '', 'PROVIDER', 'SUBACCOUNT', 'ALIAS'], ...rows]) };
      },
    },
    add: {
      about:
        'Puts numbers into the pool, all or none: one by one, as ranges (+14155550100..+14155550199), from a file.',
      words: '[NUMBER | FIRST..LAST]…',
      options: {
        ...accountOption,
        file: { value: 'CSV', about: 'a file with a number at the beginning of each line' },
        provider: { value: 'ID', about: 'the connection, see "providers list"; not needed where there is one' },
        alias: { value: 'TEXT', about: 'a name for them' },
      },
      run: async (deps, given) => {
        const { file, provider, alias } = given.texts;
        const wanted = numbersOf([...given.words, ...(file === undefined ? [] : wordsOfCsv(readCsv(file)))]);
        if (wanted.length === 0) throw new Misused('Which numbers?');
        const scope = await scopeFor(deps, given, ['numbers', ...(alias === undefined ? [] : ['alias'])]);
        const key = provider === undefined ? undefined : await keyOf(deps, scope, provider);
        const wish = { ...(key !== undefined && { provider: key }), ...(alias !== undefined && { alias }) };
        const refusal = await addNumbers(deps, scope, wanted, wish);
        if (refusal) failFor(refusal.problem);
        await bookOperator(deps, scope, 'number.add');
        return { json: { numbers: wanted }, text: `In the pool: ${wanted.length}.` };
      },
    },
    retire: {
      about: 'Takes numbers out of the pool, where no session and no cool-off holds them.',
      words: 'NUMBER…',
      options: accountOption,
      run: retire,
    },
  },
};

async function retire(deps: StoreDeps, given: Given) {
  const wanted = numbersOf(given.words);
  if (wanted.length === 0) throw new Misused('Which numbers?');
  const scope = await scopeFor(deps, given);
  const retired: string[] = [];
  const kept: { number: string; reason: string }[] = [];
  for (const number of wanted) {
    const refusal = await removeNumber(deps, scope, number);
    if (refusal) {
      const reason =
        refusal.problem.kind === 'number_leased' ? 'a session or its cool-off holds it' : 'not in the pool';
      kept.push({ number, reason });
      continue;
    }
    await bookOperator(deps, scope, 'number.remove', number);
    retired.push(number);
  }
  const lines = kept.map(({ number, reason }) => `${number}: ${reason}`);
  const text = [`Out of the pool: ${retired.length}.`, ...lines].join('\n');
  return { json: { retired, kept }, text, isWhole: kept.length === 0 };
}

async function keyOf(deps: StoreDeps, scope: Scope, id: string): Promise<string> {
  const one = (await everyConnection(deps, scope)).find((connection) => String(connection.id) === id);
  if (one === undefined) throw new Failed('The account has no such connection: see "providers list".');
  return one.secrets.key;
}

function readCsv(name: string): string {
  try {
    return readFileSync(name, 'utf8');
  } catch (error) {
    throw new Failed(`${name} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
}
