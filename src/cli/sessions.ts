import { countedUpTo } from '../core/page.ts';
import { isRefused } from '../core/problem.ts';
import type { MaskingSession } from '../core/session.ts';
import type { StoreDeps } from '../deps.ts';
import { masked, REVEAL_REASONS } from '../http/console-mask.ts';
import { idInPath } from '../http/fields.ts';
import { listQuery, toFilter } from '../http/masking-list.ts';
import { canonicalBody, createBody, toWire, toWish, warningOf } from '../http/masking-wire.ts';
import { readBy } from '../http/schemas.ts';
import { createSession } from '../service/create-session.ts';
import { bookOperator, everySession } from '../service/operator.ts';
import { deleteSession, getSession, listSessions } from '../service/sessions.ts';
import { type Command, failFor, type Given, type Group, Misused, table } from './command.ts';
import { accountOption, scopeFor } from './scope.ts';

const RULES = { defaultCountry: null, strict: false };

export const sessions: Group = {
  about: 'Masking sessions.',
  commands: {
    list: {
      about: 'Lists sessions, the newest first, with their phones masked; those of the last 7 days.',
      options: {
        ...accountOption,
        status: { value: 'STATUS', about: 'active, in-progress, expired or all' },
        number: { value: 'NUMBER', about: 'on this virtual number' },
        limit: { value: 'N', about: '1 to 20, and 20 as it is' },
        offset: { value: 'N', about: 'how many to skip' },
      },
      run: list,
    },
    show: {
      about: 'Shows a session, with its phones and PINs masked.',
      words: 'ID',
      options: { ...accountOption, reveal: { value: 'REASON', about: `show them: ${REVEAL_REASONS.join(', ')}` } },
      run: show,
    },
    create: {
      about:
        "Makes a session, by the API's names: first_party=+12025550000 second_party=+12025551111 session_expiry=1800",
      words: 'FIELD=VALUE…',
      options: accountOption,
      run: create,
    },
    end: {
      about: 'Ends a session now.',
      words: 'ID',
      options: accountOption,
      run: async (deps, given) => {
        const id = idOf(given);
        const refusal = await deleteSession(deps, await scopeFor(deps, given), id);
        if (refusal) failFor(refusal.problem);
        return { json: { session_uuid: id }, text: 'The session has ended.' };
      },
    },
  },
};

export const exportCommand: Command = {
  about: "Prints all sessions in the API's shape, one JSON object a line, with phones and PINs.",
  options: accountOption,
  run: async (deps, given) => {
    const scope = await scopeFor(deps, given, ['first_party', 'second_party', 'first_party_pin', 'second_party_pin']);
    // Before anything is shown.
    await bookOperator(deps, scope, 'session.export');
    return { lines: wireOf(deps, everySession(deps, scope)) };
  },
};

async function* wireOf({ config }: StoreDeps, all: AsyncIterable<MaskingSession>) {
  for await (const session of all) yield toWire(session, config.publicUrl);
}

async function list(deps: StoreDeps, given: Given) {
  const { status, number, limit, offset } = given.texts;
  const query = readBy(listQuery, { status, virtual_number: number, limit, offset });
  if (!('value' in query)) throw new Misused(`${query.field} ${query.rule}.`);
  const filter = toFilter(query.value, RULES, deps.now());
  if (isRefused(filter)) failFor(filter.problem);
  const { total, sessions } = await listSessions(deps, await scopeFor(deps, given), filter, query.value);
  const shown = sessions.map((session) => masked(toWire(session, deps.config.publicUrl)) as ReturnType<typeof toWire>);
  const rows = shown.map((one) => [
    ...[one.session_uuid, one.status, one.virtual_number, one.first_party, one.second_party, one.expiry_time],
  ]);
  const heading = ['ID', 'STATUS', 'VIRTUAL NUMBER', 'FIRST', 'SECOND', 'EXPIRES'];
  const all = total === countedUpTo(query.value, filter) ? `${total} or more` : total;
  return { json: { total, sessions: shown }, text: `${table([heading, ...rows])}\n\n${shown.length} of ${all}.` };
}

async function show(deps: StoreDeps, given: Given) {
  const { reveal } = given.texts;
  const reason = REVEAL_REASONS.find((one) => one === reveal);
  if (reveal !== undefined && reason === undefined)
    throw new Misused(`--reveal is one of ${REVEAL_REASONS.join(', ')}.`);
  const scope = await scopeFor(deps, given, reason ? [`reason.${reason}`] : []);
  const session = await getSession(deps, scope, idOf(given));
  if (isRefused(session)) failFor(session.problem);
  if (reason) await bookOperator(deps, scope, 'session.reveal', session.id);
  const wire = toWire(session, deps.config.publicUrl);
  const shown = (reason ? wire : masked(wire)) as object;
  const rows = Object.entries(shown).filter(([, value]) => value !== null && value !== '');
  const cells = rows.map(([name, value]) => [name, typeof value === 'object' ? JSON.stringify(value) : String(value)]);
  return { json: shown, text: table(cells) };
}

async function create(deps: StoreDeps, given: Given) {
  const fields = given.words.map((word): [string, string] => {
    const at = word.indexOf('=');
    const name = word.slice(0, Math.max(at, 0));
    if (!Object.hasOwn(createBody.shape, name)) throw new Misused('A word is no FIELD=VALUE with a field of the API.');
    return [name, word.slice(at + 1)];
  });
  const body = readBy(createBody, canonicalBody(Object.fromEntries(fields)));
  if (!('value' in body)) failFor({ kind: 'invalid', ...body });
  const names = fields.map(([name]) => name);
  const session = await createSession(deps, await scopeFor(deps, given, names), toWish(body.value));
  if (isRefused(session)) failFor(session.problem);
  const { id, virtualNumber, firstPin, secondPin } = session;
  const pins = firstPin && secondPin ? { first_party_pin: firstPin, second_party_pin: secondPin } : {};
  const json = { session_uuid: id, virtual_number: virtualNumber, ...pins, ...warningOf(session.pinGuessChance) };
  return { json, text: table(Object.entries(json)) };
}

function idOf({ words }: Given): string {
  const [id, ...more] = words;
  if (id === undefined || more.length > 0) throw new Misused('Which session? One id.');
  return idInPath(id);
}
