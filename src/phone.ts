import { parseArgs } from 'node:util';
import { hipcallProvider } from './simulator/hipcall-provider.ts';
import { playCall } from './simulator/phone-call.ts';
import { plivoProvider } from './simulator/plivo-provider.ts';
import { PLAIN_SCRIPT, type Script } from './simulator/script.ts';
import type { Carry } from './simulator/wire.ts';

const HELP = `npm run phone -- --key KEY --from +1… --to +1… [--dialect plivo] [--press 1234 …]

Calls a running Bauta as a telephony provider does, and prints what each side hears and sees. The call is booked like
any other, and apps are told of it.

  --url URL            the service                              (BAUTA_URL, else http://127.0.0.1:3000)
  --key KEY            the connection's key in its answer URL   (BAUTA_CONNECTION_KEY)
  --token TOKEN        with which Plivo signs                   (BAUTA_PROVIDER_TOKEN)
  --credentials U:P    with which Hipcall signs in              (BAUTA_PROVIDER_CREDENTIALS)
  --dialect NAME       plivo (as it is) or hipcall
  --from PHONE         without it, the number is withheld
  --to NUMBER          the virtual number
  --press KEYS         what is keyed; once for each question
  --callee HOW         answers (as it is), busy or silent
  --talk SECONDS       30 as it is
  --hangs-up WHO       caller or callee (as it is)
  --slowly             keys slowly
  --twice              the provider sends each question twice
  --json               the whole timeline as JSON
`;

const { values } = parseArgs({
  options: {
    ...{ url: { type: 'string' }, key: { type: 'string' }, token: { type: 'string' } },
    ...{ credentials: { type: 'string' }, from: { type: 'string' }, to: { type: 'string' } },
    ...{ dialect: { type: 'string', default: 'plivo' }, press: { type: 'string', multiple: true, default: [] } },
    ...{ callee: { type: 'string', default: 'answers' }, talk: { type: 'string', default: '30' } },
    ...{ 'hangs-up': { type: 'string', default: 'callee' }, slowly: { type: 'boolean' }, twice: { type: 'boolean' } },
    ...{ json: { type: 'boolean' }, help: { type: 'boolean' } },
  },
});
const { env } = process;
const { from = null, to, dialect, callee, press } = values;
const key = values.key ?? env.BAUTA_CONNECTION_KEY;
const providers: Readonly<Record<string, typeof plivoProvider>> = { plivo: plivoProvider, hipcall: hipcallProvider };
const make = Object.hasOwn(providers, dialect) ? providers[dialect] : undefined;
const isCallee = callee === 'answers' || callee === 'busy' || callee === 'silent';
const whoHangsUp = values['hangs-up'];
const talkSeconds = Number(values.talk);
const isWhole = to !== undefined && key !== undefined && make !== undefined && isCallee && talkSeconds >= 0;
if (values.help) {
  process.stdout.write(HELP);
} else if (isWhole && (whoHangsUp === 'caller' || whoHangsUp === 'callee')) {
  const behaviour = { entries: press, keysSlowly: values.slowly === true, asksTwice: values.twice === true };
  await call(make, to, key, { ...PLAIN_SCRIPT, ...behaviour, callee, talkSeconds, whoHangsUp });
} else {
  process.stderr.write(`Something is missing or wrong.\n\n${HELP}`);
  process.exitCode = 2;
}

async function call(provider: typeof plivoProvider, virtualNumber: string, connection: string, script: Script) {
  const base = (values.url ?? env.BAUTA_URL ?? 'http://127.0.0.1:3000').replace(/\/+$/, '');
  const token = values.token ?? env.BAUTA_PROVIDER_TOKEN;
  const [username, ...rest] = (values.credentials ?? env.BAUTA_PROVIDER_CREDENTIALS ?? '').split(':');
  const played = await playCall({
    provider: provider({
      ...{ callId: crypto.randomUUID(), from, to: virtualNumber, answerUrl: `${base}/answer/${connection}/` },
      credentials: { ...(token && { authToken: token }), ...(username && { username, password: rest.join(':') }) },
      startedAt: new Date(),
    }),
    ...{ persons: { caller: from, virtualNumber }, script, carry: overHttp, clock: () => performance.now() },
  });
  if (values.json) {
    process.stdout.write(`${JSON.stringify(played, null, 2)}\n`);
  } else {
    for (const one of played.happenings) {
      const at = `${one.at.toFixed(0).padStart(5)} s  ${one.who.padEnd(8)}  `;
      if (one.kind !== 'exchange') process.stdout.write(`${at}${one.kind} ${one.words}\n`);
      else {
        const { request, answer, milliseconds } = one.exchanged;
        process.stdout.write(`${at}${request.webhook}: ${answer.status} in ${milliseconds} ms\n`);
        if (/^(?:answer|callee-play)$/.test(request.webhook)) process.stdout.write(`${answer.body}\n`);
      }
    }
    process.stdout.write(`\nThe call: ${played.end}.\n`);
    for (const { words } of played.faults) process.stdout.write(`WRONG: ${words}\n`);
    if (played.faults.length === 0) process.stdout.write('No real number was seen by the other side.\n');
  }
  process.exitCode = played.faults.length > 0 || played.end === 'failed' ? 1 : 0;
}

async function overHttp({ url, method, headers, body }: Parameters<Carry>[0]): ReturnType<Carry> {
  const answer = await fetch(url, { method, headers, ...(method === 'POST' && { body }) });
  return { status: answer.status, contentType: answer.headers.get('content-type') ?? '', body: await answer.text() };
}
