import { readFileSync } from 'node:fs';
import { isRefused } from '../core/problem.ts';
import { onTheWire } from '../http/problems.ts';
import { importSession } from '../service/import-session.ts';
import { type Command, Failed, Misused } from './command.ts';
import { readListed, sessionsIn } from './plivo-sessions.ts';
import { accountOption, scopeFor } from './scope.ts';

export const importCommand: Command = {
  about: "Makes the live sessions of Plivo's hosted masking here, by the answers of its list call.",
  words: 'FILE…',
  options: {
    ...accountOption,
    'any-number': { about: 'a session that cannot keep its virtual number gets one of the pool' },
  },
  run: async (deps, given) => {
    if (given.words.length === 0) throw new Misused('Which file?');
    const listed = given.words.flatMap(readFile);
    const scope = await scopeFor(deps, given, ['import']);
    const counts = { new: 0, known: 0, ended: 0 };
    const takesAny = given.switches.has('any-number');
    const moved: { session_uuid: string; virtual_number: string }[] = [];
    const refused: { session_uuid: string | null; place: number; reason: string }[] = [];
    for (const [at, object] of listed.entries()) {
      const one = readListed(object, deps.now());
      const outcome =
        'wish' in one ? await importSession(deps, scope, one, takesAny) : isRefused(one) ? one : ('ended' as const);
      if (typeof outcome === 'string') counts[outcome] += 1;
      else if ('isNew' in outcome) {
        counts.new += 1;
        const hasMoved = 'wish' in one && one.virtualNumber !== outcome.virtualNumber;
        if (hasMoved) moved.push({ session_uuid: one.id, virtual_number: outcome.virtualNumber });
      } else refused.push({ session_uuid: one.id, place: at + 1, reason: onTheWire(outcome.problem).text });
    }
    const sum = `Sessions: ${counts.new} new, ${counts.known} known, ${counts.ended} ended, ${refused.length} refused.`;
    const numbers = moved.map((one) => `${one.session_uuid}: has another number, ${one.virtual_number}.`);
    const reasons = refused.map((one) => `${one.session_uuid ?? `The one at place ${one.place}`}: ${one.reason}`);
    return {
      json: { ...counts, moved, refused },
      text: [sum, ...numbers, ...reasons].join('\n'),
      isWhole: refused.length === 0,
    };
  },
};

function readFile(name: string): readonly unknown[] {
  const sessions = sessionsIn(parseFile(name));
  if (sessions === null) throw new Failed(`${name} holds no list of sessions.`);
  return sessions;
}

function parseFile(name: string): unknown {
  try {
    return JSON.parse(readFileSync(name, 'utf8'));
  } catch (error) {
    // A parser's message repeats what it read.
    if (error instanceof SyntaxError) throw new Failed(`${name} is not JSON.`);
    throw new Failed(`${name} cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
}
